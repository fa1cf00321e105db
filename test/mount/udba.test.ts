// Changes made directly on the branches of a mounted union (aufs(5), udba): when the union shows them.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { act, prepare, variants } from '../helpers/actor.js';
import { memory, mounted, type Mounted } from '../helpers/mounted.js';
import { because, noRootMount, program, run } from '../helpers/process.js';

/** Waiting for what a direct change should bring about; `seen` lists what did not come within two seconds. */
const waiting = `
import time
unseen, longest = [], 0
def there(path): return os.path.lexists(path)
def holds(condition):
    try: return condition()
    except OSError: return False
def seen(what, condition):
    global longest
    start = time.monotonic()
    while not holds(condition):
        if time.monotonic() - start > 2: return unseen.append(what)
        time.sleep(0.001)
    longest = max(longest, time.monotonic() - start)
`;

const fill = `
os.makedirs('lower/d/sub'); put('lower/a', 'a'); put('lower/d/b', 'b'); put('lower/d/sub/c', 'c')
put('upper/top', 'top'); put('lower/hidden', 'hidden')
`;

/** On each branch: names, content and attributes, with the old state cached, the name's absence too. */
const everyChange = `
for branch in (upper, lower):
    at = lambda name: branch + '/' + name
    assert not there('new') and not there('d/new') and names('d')
    put(at('new'), 'x'); seen('create ' + branch, lambda: get('new') == 'x')
    put(at('new'), 'y', 'a'); seen('append ' + branch, lambda: get('new') == 'xy' and os.stat('new').st_size == 2)
    put(at('new'), 'XY', 'r+'); seen('overwrite ' + branch, lambda: get('new') == 'XY')
    os.chmod(at('new'), 0o600); seen('chmod ' + branch, lambda: os.stat('new').st_mode & 0o777 == 0o600)
    os.utime(at('new'), (5, 7)); seen('utime ' + branch, lambda: os.stat('new').st_mtime == 7)
    os.rename(at('new'), at('renamed')); seen('rename ' + branch, lambda: get('renamed') == 'XY' and not there('new'))
    put(at('other'), 'other'); seen('other ' + branch, lambda: get('other') == 'other')
    os.rename(at('other'), at('renamed')); seen('rename over ' + branch, lambda: get('renamed') == 'other' and not there('other'))
    os.unlink(at('renamed')); seen('unlink ' + branch, lambda: not there('renamed') and 'renamed' not in names())
    os.mkdir(at('made')); put(at('made/in'), 'in'); seen('mkdir ' + branch, lambda: get('made/in') == 'in' and names('made') == ['in'])
    os.rename(at('made'), at('moved')); seen('rename directory ' + branch, lambda: get('moved/in') == 'in' and not there('made'))
    os.unlink(at('moved/in')); seen('in a renamed directory ' + branch, lambda: names('moved') == [] and not there('moved/in'))
    os.rmdir(at('moved')); seen('rmdir ' + branch, lambda: not there('moved'))
    os.symlink('a', at('link')); seen('symlink ' + branch, lambda: os.readlink('link') == 'a')
    os.unlink(at('link')); os.symlink('d', at('link')); seen('symlink replaced ' + branch, lambda: os.readlink('link') == 'd')
    os.unlink(at('link')); seen('symlink gone ' + branch, lambda: not there('link'))
`;

const layersChange = `
assert get('a') == 'a' and names('d') == ['b', 'sub'] and names('d/sub') == ['c'] and not there('d/new')
put(upper + '/.wh.a', ''); seen('whiteout', lambda: not there('a'))
os.unlink(upper + '/.wh.a'); seen('whiteout gone', lambda: get('a') == 'a')
put(upper + '/a', 'above'); seen('above', lambda: get('a') == 'above')
os.unlink(upper + '/a'); seen('not above', lambda: get('a') == 'a')
os.mkdir(upper + '/d'); put(upper + '/d/new', 'new'); seen('directory above', lambda: get('d/new') == 'new' and get('d/b') == 'b')
put(upper + '/d/.wh..wh..opq', ''); seen('opaque', lambda: names('d') == ['new'] and not there('d/b') and not there('d/sub/c'))
os.unlink(upper + '/d/.wh..wh..opq'); seen('not opaque', lambda: get('d/b') == 'b' and get('d/sub/c') == 'c')
os.rename(upper + '/d', upper + '/e'); seen('layers apart', lambda: names('e') == ['new'] and names('d') == ['b', 'sub'] and not there('d/new'))
os.rename(upper + '/e', upper + '/d'); seen('and together', lambda: names('d') == ['b', 'new', 'sub'] and not there('e'))
`;

const inUse = `
# Looked at again where a branch has changed, rather than failing.
put(upper + '/f', '1'); seen('f', lambda: get('f') == '1')
os.rename(upper + '/f', upper + '/g'); g = get('g')
os.unlink(upper + '/g'); gone = error(os.unlink, 'g')
put(upper + '/h1', 'h'); os.link(upper + '/h1', upper + '/h2'); seen('hard links', lambda: os.stat('h1').st_nlink == os.stat('h2').st_nlink == 2)
os.unlink(upper + '/h1'); seen('one of two names', lambda: not there('h1') and os.stat('h2').st_nlink == 1 and get('h2') == 'h')
# What is open stays open.
file = open('d/b'); file.read()
put(lower + '/d/b', 'B2', 'w'); seen('content, while open', lambda: (file.seek(0), file.read())[1] == 'B2' and os.fstat(file.fileno()).st_size == 2)
put(lower + '/tmp', 'another'); os.rename(lower + '/tmp', lower + '/d/b'); seen('replaced', lambda: get('d/b') == 'another')
file.seek(0); still = [file.read(), os.fstat(file.fileno()).st_size]
# A working directory, its directory renamed and given a layer.
os.makedirs(upper + '/w/in'); put(upper + '/w/in/f', 'f'); seen('w', lambda: get('w/in/f') == 'f')
os.chdir('w/in'); os.rename(upper + '/w', upper + '/w2'); seen('moved', lambda: get(mnt + '/w2/in/f') == 'f' and not there(mnt + '/w'))
inside = names(); os.chdir(mnt)
# Changes through the union and past it, one after the other.
for i in range(50):
    put('turn', 'u%d' % i); put(upper + '/turn', 'd%d' % i); seen('turn', lambda: get('turn') == 'd%d' % i)
    os.unlink(upper + '/turn'); seen('turn gone', lambda: not there('turn'))
`;

const many = `
os.makedirs(lower + '/many')
names('many')
for i in range(3000): put(lower + '/many/%d' % i, '')
seen('3000 made', lambda: len(names('many')) == 3000 and there('many/2999'))
for i in range(3000): os.unlink(lower + '/many/%d' % i)
seen('3000 removed', lambda: names('many') == [] and not there('many/2999'))
for i in range(100): os.makedirs(lower + '/many/%d/x' % i); put(lower + '/many/%d/x/f' % i, 'f')
seen('a tree', lambda: all(get('many/%d/x/f' % i) == 'f' for i in range(100)))
import shutil; shutil.rmtree(lower + '/many')
seen('a tree gone', lambda: not there('many') and not there('many/1/x'))
`;

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`direct changes, as ${who}${because(reason)}`, () => {
    const union = (udba: string, use: (union: Mounted) => Promise<void>) =>
      mounted({ as, base, options: udba, fill: (root) => prepare(root, fill, as) }, use);

    for (const udba of ['', 'udba=notify']) {
      test.each(Object.entries({ everyChange, layersChange, inUse, many }))(`${udba || 'by default'} are seen: %s`, (_, script) =>
        union(udba, async (u) => {
          const [unseen, longest, more] = await act<[string[], number, unknown]>(u, `${waiting}${script}
result([unseen, longest, [g, gone, still, inside] if 'g' in globals() else None])`, as);
          expect(unseen).toEqual([]);
          if (more !== null) expect(more).toEqual(['1', 'ENOENT', ['B2', 2], ['f']]);
          console.log(`${who}, ${udba || 'reval'}: seen after ${(longest * 1000).toFixed(1)} ms at the longest`);
        }));
    }

    test('with udba=none what is known stays', () =>
      union('udba=none', async (u) => {
        expect(await act(u, `
          import time
          there = os.path.lexists
          before = [there('a'), there('new'), os.stat('top').st_size]
          os.unlink(lower + '/a'); put(lower + '/new', ''); put(upper + '/top', 'longer than before')
          time.sleep(0.2)
          result([before, there('a'), there('new'), os.stat('top').st_size])
        `, as)).toEqual([[true, false, 3], true, false, 3]);
      }));
  });
}

describe.skipIf(noRootMount() !== undefined)(`watching${because(noRootMount())}`, () => {
  test('a mount point in the union stays when its directory gets a layer, or loses it', () =>
    mounted({ fill: (root) => prepare(root, fill) }, async (u) => {
      expect(await act(u, `
        import subprocess, time
        subprocess.run(['mount', '-t', 'tmpfs', 'none', 'd'], check=True)
        put('d/within', '')
        seen = []
        os.mkdir(upper + '/d'); time.sleep(0.1); seen.append(names('d'))
        os.chmod(upper + '/d', 0o700); time.sleep(0.1); seen.append(names('d'))
        os.rmdir(upper + '/d'); time.sleep(0.1); seen.append(names('d'))
        subprocess.run(['umount', 'd'], check=True)
        result([seen, names('d')])
      `)).toEqual([[['within'], ['within'], ['within']], ['b', 'sub']]);
    }));

  test('our own changes bring no second look: what they made known stays known', () =>
    mounted({ fill: (root) => prepare(root, fill) }, async (u) => {
      const [made, again] = await act<[number, number]>(u, `
        import re, subprocess
        def requests():
            text = subprocess.run(['${process.execPath}', '${program}', 'list', '-v'], capture_output=True, text=True).stdout
            return int(re.search(re.escape(mnt) + r' [^$]*?(\\d+) requests', text).group(1))
        os.mkdir('own'); names('own')
        start = requests()
        for i in range(300): put('own/%d' % i, 'x'); os.chmod('own/%d' % i, 0o600)
        for i in range(300): os.rename('own/%d' % i, 'own/r%d' % i)
        for i in range(300): os.stat('own/r%d' % i)
        made = requests() - start
        start = requests()
        for n in range(10):
            for i in range(300): os.stat('own/r%d' % i)
        result([made, requests() - start])
      `);
      expect(made).toBeGreaterThan(900);
      expect(again).toBeLessThan(60);
    }));

  test('no descriptor is left in the daemon for directories that are gone', () =>
    mounted({}, async (u) => {
      const descriptors = () => readdirSync(`/proc/${u.daemon.pid}/fdinfo`)
        .map((fd) => readFileSync(`/proc/${u.daemon.pid}/fdinfo/${fd}`, 'latin1'))
        .join('').split('\n').filter((line) => line.startsWith('inotify wd')).length;
      await act(u, `
        for i in range(200): os.mkdir('%d' % i); put('%d/f' % i, ''); names('%d' % i)
        result(None)
      `);
      expect(descriptors()).toBeGreaterThan(200);
      await act(u, `
        for i in range(200): os.unlink('%d/f' % i); os.rmdir('%d' % i)
        result(None)
      `);
      expect(descriptors()).toBeLessThan(10);
    }));

  test('with fs.inotify.max_user_watches reached changes are still seen, and the log says so', async () => {
    const directory = mkdtempSync(path.join(memory, 'tsaufs-test-'));
    try {
      // In a user namespace of its own: the limit there is nobody else's.
      const { stdout, stderr, status } = await run('unshare', ['-Urm', 'bash', '-euc', `
        echo 3 > /proc/sys/user/max_inotify_watches
        cd "$0"; mkdir u l m; for i in 1 2 3 4 5 6; do mkdir l/$i; done
        export XDG_RUNTIME_DIR="$0"
        "$1" "$2" mount -o br=u=rw:l=ro m
        trap '"$1" "$2" umount m' EXIT
        for i in 1 2 3 4 5 6; do ! test -e m/$i/new; done
        for i in 1 2 3 4 5 6; do touch l/$i/new; done
        for i in {1..50}; do sleep 0.2; seen=$(ls m/*/new 2>/dev/null | wc -l); [ $seen -lt 6 ] || break; done
        echo $seen
        cat "$0"/tsaufs/*/log /run/tsaufs/*/log 2>/dev/null | grep -c max_user_watches
      `, directory, process.execPath, program]);
      expect({ stdout, stderr, status }).toEqual({ stdout: '6\n1\n', stderr: '', status: 0 });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
