"""Types into a real shell on a terminal of its own, and tells what its command line and its screen have become.

Arguments: bash or zsh, and the file to source. Input: JSON, a list of strings to be typed, each on a new command line; they
may contain tabs. Output: JSON, a list of [line, screen].
"""
import json
import os
import pty
import re
import select
import sys
import time

shell, script = sys.argv[1:3]
setups = {
    'bash': (['bash', '--norc', '--noprofile', '-i'],
             "bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off';"
             "bind 'set completion-query-items 0'; bind 'set page-completions off';"
             """bind -x '"\\C-g": printf "LINE<%s>\\n" "$READLINE_LINE"'; source {0}; stty columns 200; PS1="REA""DY>"\n"""),
    'zsh': (['zsh', '-f', '-i'],
            "autoload -U compinit; compinit -D -u; show() {{ print -r -- \"LINE<$BUFFER>\" }}; zle -N show; bindkey '^G' show;"
            "bindkey '^U' kill-whole-line; LISTMAX=1000; unsetopt beep zle_bracketed_paste; unset zle_bracketed_paste; stty columns 200;"
            "source {0}; PS1='REA''DY>'\n"),
}
argv, setup = setups[shell]
pid, terminal = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'dumb' if shell == 'zsh' else 'xterm'
    os.execvp(argv[0], argv)


def read_until(pattern):
    """What came until the pattern; the limit only ends a run that has failed."""
    text = ''
    end = time.monotonic() + 40
    while not re.search(pattern, text, re.S):
        if time.monotonic() > end or not select.select([terminal], [], [], end - time.monotonic())[0]:
            sys.exit(f'{shell} says no more; it said: {text!r}')
        text += os.read(terminal, 65536).decode('utf8', 'replace')
    return text


os.write(terminal, setup.format(script).encode())
read_until('READY>')
outcomes = []
for typed in json.load(sys.stdin):
    os.write(terminal, typed.encode() + b'\x07')
    screen = read_until(r'LINE<[^\n]*>\r?\n')
    outcomes.append([re.search(r'LINE<([^\n]*)>\r?\n', screen)[1], screen])
    os.write(terminal, b'\x15')
os.write(terminal, b'\x15exit\n')
try:
    while os.read(terminal, 65536):
        pass
except OSError:
    pass  # The shell has gone.
os.waitpid(pid, 0)
json.dump(outcomes, sys.stdout)
