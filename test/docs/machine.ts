// A machine for one document: namespaces of its own, in which nothing that is there can be changed for good. Its processes
// and mounts end with it, however it ends.
import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { project, run } from '../helpers/process.js';

/** Longer than any command of a document takes, also on a busy machine. */
const patience = 60_000;

/**
 * /run and /tmp are empty, what is changed in the other directories is forgotten, and a user `you` is there, who has no
 * rights. `tsaufs` is installed as npm would.
 */
const furnish = `
  set -e
  bin=$(readlink -f "$(command -v node)")
  # Those of others, which would not end as long as they are seen here.
  for mount in $(awk '$3 ~ /^fuse/ { print $2 }' /proc/mounts); do umount -l "$mount" || true; done
  mount -t tmpfs -o mode=755 none /run
  for directory in etc usr var home root mnt srv opt; do
    mkdir -p /run/.changes/$directory /run/.work/$directory
    mount -t overlay -o lowerdir=/$directory,upperdir=/run/.changes/$directory,workdir=/run/.work/$directory none /$directory
  done
  mkdir -p /usr/local/bin /usr/local/lib/node_modules/tsaufs /run/lock /run/user/0 /run/user/4242
  mount --bind "$1" /usr/local/lib/node_modules/tsaufs
  mount -o remount,bind,ro /usr/local/lib/node_modules/tsaufs
  mount -t tmpfs -o mode=1777 none /tmp
  mount -t tmpfs -o mode=1777 none /dev/shm
  ln -sfn ../lib/node_modules/tsaufs/dist/cli/main.js /usr/local/bin/tsaufs
  # The Node.js of the tests, wherever it is; not a link, as others may not be allowed to go there.
  case "$bin" in /usr/bin/* | /usr/local/bin/*) ;; *) rm -f /usr/local/bin/node; touch /usr/local/bin/node; mount --bind "$bin" /usr/local/bin/node ;; esac
  echo 'you:x:4242:4242::/home/you:/bin/bash' >> /etc/passwd
  echo 'you:x:4242:' >> /etc/group
  mkdir -p /home/you /tmp/try
  chmod 700 /run/user/*; chown 4242:4242 /home/you /run/user/4242
  echo ready
  # Whoever loses its parent becomes a child of this one, and is waited for.
  while :; do sleep 1000 & wait; done
`;

/** What ls prints for a person is in columns, as in a terminal. */
const columns = 'ls() { if [ /proc/self/fd/1 -ef /proc/$$/fd/1 ]; then command ls -C -T 0 -w 80 "$@"; else command ls "$@"; fi; }';

/** For set-ups: see props.ts. */
const installed = '/usr/local/lib/node_modules/tsaufs';
const prop = `prop() { node --import ${installed}/node_modules/tsx/dist/loader.mjs ${installed}/test/docs/props.ts "$@"; }`;

export class Machine {
  private readonly shells: Partial<Record<'root' | 'user', Shell>> = {};

  private constructor(private readonly init: ChildProcess) {}

  static async start(): Promise<Machine> {
    // It ends with the tests also where these are killed.
    const init = spawn('setpriv', [
      '--pdeathsig', 'KILL', '--', 'unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '-c', furnish, 'bash', project,
    ], { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
    let said = '';
    init.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const [first] = await Promise.race([once(init.stdout, 'data'), once(init, 'exit')]) as [Buffer | number | null];
    if (!(first instanceof Buffer)) throw new Error(`no machine for the documents: ${said}`);
    return new Machine(init);
  }

  /** Root's shell begins in /tmp/try, the user's in /home/you. */
  shell(as: 'root' | 'user'): Shell {
    return this.shells[as] ??= new Shell(this.init.pid!, as);
  }

  async stop(): Promise<void> {
    for (const shell of Object.values(this.shells)) shell.end();
    if (this.init.exitCode !== null || this.init.signalCode !== null) return;
    this.init.kill('SIGKILL');
    await once(this.init, 'exit');
  }
}

/** Control groups are not in a namespace: those of the container engines outlive them. Those in use stay. */
export async function removeControlGroups(): Promise<void> {
  const ours = ['tsaufs-docs', 'libpod_parent'].flatMap((name) => ['-o', '-path', `/sys/fs/cgroup/*/${name}*`]).slice(1);
  await run('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '(', ...ours, ')', '-exec', 'rmdir', '{}', '+']);
}

export interface Outcome {
  status: number;
  output: string;
}

/** A bash that lasts, so that variables, its directory and what runs in the background do. */
export class Shell {
  private readonly bash: ChildProcessWithoutNullStreams;
  private output = '';
  private wake: () => void = () => undefined;
  private count = 0;
  private over = false;

  constructor(init: number, as: 'root' | 'user') {
    const [home, id] = as === 'root' ? ['/root', 0] : ['/home/you', 4242];
    const user = as === 'root' ? [] : ['setpriv', '--reuid', '4242', '--regid', '4242', '--clear-groups', '--inh-caps=-all', '--'];
    this.bash = spawn('nsenter', [
      `--mount=/proc/${init}/ns/mnt`, `--pid=/proc/${init}/ns/pid_for_children`, '--', ...user,
      'env', '-i', `HOME=${home}`, `XDG_RUNTIME_DIR=/run/user/${id}`, `USER=${as === 'root' ? 'root' : 'you'}`, 'LC_ALL=C.UTF-8', 'TZ=UTC', 'TERM=dumb',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'bash', '--norc', '--noprofile',
    ], { cwd: '/' });
    this.bash.stdout.setEncoding('utf8').on('data', (text: string) => this.take(text));
    this.bash.stderr.setEncoding('utf8').on('data', (text: string) => this.take(text));
    this.bash.stdin.on('error', () => undefined);
    this.bash.on('exit', () => { this.over = true; this.wake(); });
    // Jobs have a process group each, as in a terminal.
    this.bash.stdin.write(`exec 2>&1; set -m; ${columns}; ${prop}; cd ${as === 'root' ? '/tmp/try' : home}\n`);
  }

  /** Runs a command to its end. What it leaves in the background goes on, and what that prints comes with a later command. */
  async run(command: string): Promise<Outcome> {
    const mark = `\u0001${++this.count} `;
    this.bash.stdin.write(`eval ${quoted(command)} </dev/null\nprintf '\\001%d %d\\001\\n' ${this.count} $?\n`);
    const deadline = Date.now() + patience;
    for (;;) {
      const match = new RegExp(`${mark}(\\d+)\u0001\n`).exec(this.output);
      if (match) {
        const output = this.output.slice(0, match.index);
        this.output = this.output.slice(match.index + match[0].length);
        return { status: Number(match[1]), output };
      }
      if (this.over) throw new Error(`the shell ended in: ${command}\n${this.output}`);
      if (Date.now() > deadline) {
        this.end();
        throw new Error(`no end after ${patience / 1000} s: ${command}\n${this.output}`);
      }
      await this.more(deadline);
    }
  }

  /** Starts what will be interrupted. */
  async start(command: string): Promise<Running> {
    const file = `/tmp/.running-${++this.count}`;
    const { output } = await this.run(`{ eval ${quoted(command)}; } </dev/null >${file} 2>&1 & printf '%s' $!`);
    return new Running(this, file, output);
  }

  end(): void {
    this.bash.kill('SIGKILL');
    this.over = true;
  }

  private take(text: string): void {
    this.output += text;
    this.wake();
  }

  private async more(deadline: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
      this.wake = () => { clearTimeout(timer); resolve(); };
    });
  }
}

/** A command that runs until it is interrupted, while others run in the same shell. */
export class Running {
  constructor(private readonly shell: Shell, private readonly file: string, private readonly group: string) {}

  async printed(): Promise<string> {
    return (await this.shell.run(`cat ${this.file}`)).output;
  }

  /** Waits until it has printed what is expected of it; gives up after a while. */
  async until(enough: (printed: string) => boolean): Promise<void> {
    for (const deadline = Date.now() + patience / 6; Date.now() < deadline;) {
      if (enough(await this.printed())) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** As ^C does. */
  async interrupt(): Promise<string> {
    await this.shell.run(`kill -INT -- -${this.group}; wait ${this.group}`);
    const printed = await this.printed();
    await this.shell.run(`rm -f ${this.file}`);
    return printed;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
