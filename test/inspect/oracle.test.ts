// After the operations of each recorded case, while the union is still mounted: what explain says of every path is what the
// mount shows, and what it says that a change would do is what the change then does on the branches.
import {
  closeSync, lchownSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmdirSync, unlinkSync, writeFileSync, writeSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NEW_NAME, type Action, type Step } from '../../src/inspect/actions.js';
import { lookAtDirectory } from '../../src/inspect/directory.js';
import { explain, type Explanation } from '../../src/inspect/explain.js';
import { openLook, type Look } from '../../src/inspect/look.js';
import { listMounts } from '../../src/daemon/list.js';
import { treeOf, type TreeEntry } from '../../src/inspect/tree.js';
import { parseMountOptions } from '../../src/options/mount.js';
import type { UnionOptions } from '../../src/union/options.js';
import type { UnionState } from '../../src/union/state.js';
import { because, missing, noRootMount } from '../helpers/process.js';
import { disk, memory } from '../helpers/mounted.js';
import { adapter } from '../helpers/adapter.js';
import { readCases, type Case } from '../oracle/cases.js';
import { libraryMounter, noPython, Operator, type Mounter } from '../oracle/operator.js';

const obstacle = noRootMount() ?? noPython() ?? (adapter === 'kernel' ? undefined : 'fuse-native: the same union');

class Checker {
  readonly wrong: string[] = [];
  /** How much was compared, so that a test which compares nothing fails. */
  seen = 0;
  changes = 0;
  private readonly mnt: string;
  private readonly options: UnionOptions;
  private branchPaths: string[] = [];

  /** `changedPaths`: changes are tried on so many, to save time; what is seen is compared for all. */
  constructor(private readonly case_: Case, private readonly directory: string, private readonly changedPaths: number) {
    this.mnt = path.join(directory, 'mnt');
    const mount = listMounts().find(({ mountpoint }) => mountpoint === this.mnt);
    if (mount === undefined) throw new Error(`${this.mnt} is not listed`);
    this.options = parseMountOptions([mount.options], '/').union;
  }

  private look<T>(use: (look: Look) => T): T {
    const look = openLook(this.options);
    this.branchPaths = look.u.branches.map((branch) => branch.path);
    try {
      return use(look);
    } finally {
      look.close();
    }
  }

  private complain(what: string): void {
    this.wrong.push(`${this.case_.name}: ${what}`);
  }

  check(): void {
    const names = new Set([...namesUnder(this.mnt), ...this.case_.branches.flatMap(({ name }) => namesUnder(path.join(this.directory, name)))]);
    const paths = [...names].filter((name) => !isReserved(name)).sort();
    this.look(({ u }) => {
      for (const name of paths) this.compareSeen(name, explain(u, name));
      this.compareTree(treeOf(u, { all: false }), new Set(namesUnder(this.mnt)));
      this.compareDirectories(u, treeOf(u, { all: true }), '/');
    });
    // The deepest first, so that directories become empty.
    for (const [at, name] of paths.reverse().slice(0, this.changedPaths).entries()) this.change(name, at);
    for (const name of ['fresh', ...paths.slice(-2)]) this.change(name, 0);
  }

  private compareSeen(name: string, told: Explanation): void {
    this.seen++;
    let st;
    let code: string | null = null;
    // explain follows no symbolic link; what it leads to has another path.
    if (this.leadsThroughLink(name)) code = 'ENOTDIR';
    else {
      try {
        st = lstatSync(path.join(this.mnt, name));
      } catch (error) {
        code = (error as NodeJS.ErrnoException).code!;
      }
    }
    if (told.error !== code) return this.complain(`${name}: explain says ${told.error}, the mount ${code}`);
    for (const layer of told.layers) {
      if (layer.state === 'hidden' && layer.hiddenBy === null) this.complain(`${name}: nothing hides it on branch ${layer.branch}`);
    }
    if (st === undefined || told.pseudoLink) return;
    const { entry } = told.layers[told.branch!];
    const [was, is] = [`${entry?.mode} ${entry?.uid}:${entry?.gid}`, `${(st.mode & 0o7777).toString(8).padStart(4, '0')} ${st.uid}:${st.gid}`];
    if (was !== is) this.complain(`${name}: explain says ${was}, the mount ${is}`);
    if (st.isFile() && entry?.size !== st.size) this.complain(`${name}: explain says ${entry?.size} bytes, the mount ${st.size}`);
    if (st.isDirectory() !== (told.type === 'directory')) this.complain(`${name}: explain says ${told.type}`);
  }

  private leadsThroughLink(name: string): boolean {
    for (let above = path.dirname(name); above !== '.'; above = path.dirname(above)) {
      try {
        if (lstatSync(path.join(this.mnt, above)).isSymbolicLink()) return true;
      } catch {
        // Then a name further up decides.
      }
    }
    return false;
  }

  /** A directory looked at by itself has what the tree has. */
  private compareDirectories(u: UnionState, { children = [] }: TreeEntry, at: string): void {
    const entries = lookAtDirectory(u, at)?.entries.map(({ name, entry, layers }) => ({
      name, type: entry?.type ?? null, branches: layers.flatMap(({ branch, state }) => state === 'seen' || state === 'merged' ? [branch] : []),
      hidden: layers.flatMap(({ branch, state, hiddenBy }) => state === 'hidden' ? [{ branch, by: hiddenBy }] : []),
      whiteouts: layers.flatMap(({ branch, whiteout }) => whiteout === null ? [] : [{ branch, mark: whiteout }]),
    }));
    const expected = children.map(({ name, type, branches, hidden = [], whiteouts = [] }) => ({
      name, type, branches, hidden: hidden.map(({ branch, by }) => ({ branch, by })), whiteouts,
    }));
    if (JSON.stringify(entries) !== JSON.stringify(expected)) this.complain(`directory ${at}: ${JSON.stringify(entries)}, the tree: ${JSON.stringify(expected)}`);
    this.seen += expected.length;
    for (const child of children) if (child.children !== undefined) this.compareDirectories(u, child, path.join(at, child.name));
  }

  private compareTree(told: TreeEntry, shown: ReadonlySet<string>): void {
    const listed = new Set<string>();
    const add = (entry: TreeEntry, under: string): void => {
      for (const child of entry.children ?? []) {
        listed.add(under + child.name);
        add(child, `${under}${child.name}/`);
      }
    };
    add(told, '');
    const [one, other] = [[...listed].sort().join(' '), [...shown].filter((name) => !isReserved(name)).sort().join(' ')];
    if (one !== other) this.complain(`tree shows ${one}, the mount ${other}`);
  }

  private change(name: string, at: number): void {
    const told = this.look(({ u }) => explain(u, name));
    if (told.actions.length === 0) return;
    const action = told.actions[(at + this.case_.ops.length) % told.actions.length];
    if (action.note?.includes('take turns') === true) return;
    this.changes++;
    const before = this.branches();
    const code = this.carryOut(action, name);
    const what = `${action.action} ${name}`;
    if (code !== action.error) return this.complain(`${what}: explain says ${action.error}, the mount ${code}`);
    const expected = new Set(before);
    for (const step of action.steps) this.apply(step, name, expected);
    const after = this.branches();
    const missing_ = [...expected].filter((each) => !after.has(each));
    const more = [...after].filter((each) => !expected.has(each));
    if (missing_.length + more.length > 0) this.complain(`${what} (${JSON.stringify(action.steps)}): not there ${missing_.join(' ')}; beside it ${more.join(' ')}`);
  }

  /** One that no earlier change has made. */
  private newName(): string {
    return `${NEW_NAME}-${this.changes}`;
  }

  private carryOut({ action }: Action, name: string): string | null {
    const at = path.join(this.mnt, name);
    try {
      switch (action) {
        case 'read': closeSync(openSync(at, 'r')); break;
        case 'write': {
          const fd = openSync(at, 'r+');
          try {
            writeSync(fd, 'x');
          } finally {
            closeSync(fd);
          }
          break;
        }
        case 'attributes': lchownSync(at, 1, 1); break;
        case 'delete': if (lstatSync(at).isDirectory()) rmdirSync(at); else unlinkSync(at); break;
        case 'rename': renameSync(at, path.join(at, '..', this.newName())); break;
        case 'create': writeFileSync(at, '', { flag: 'wx' }); break;
        case 'mkdir': mkdirSync(at); break;
      }
      return null;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code!;
    }
  }

  private branches(): Set<string> {
    return new Set(this.branchPaths.flatMap((branch) => namesUnder(branch).map((each) => `${path.basename(branch)}/${each}`)));
  }

  private apply(step: Step, name: string, names: Set<string>): void {
    const on = `${path.basename(this.branchPaths[step.branch])}${step.path.replace(NEW_NAME, this.newName())}`;
    const [parent, last] = [path.dirname(on), path.basename(on)];
    const drop = (what: string): void => {
      for (const each of names) if (each === what || each.startsWith(`${what}/`)) names.delete(each);
    };
    switch (step.kind) {
      case 'copy-up': case 'copy-directory': case 'link': case 'create': case 'mkdir': names.add(on); break;
      case 'write': case 'change': case 'record': break;
      case 'remove': drop(on); break;
      case 'whiteout': names.add(`${parent}/.wh.${last}`); break;
      case 'remove-whiteout': drop(`${parent}/.wh.${last}`); break;
      case 'opaque': names.add(`${on}/.wh..wh..opq`); break;
      case 'rename': {
        const old = `${parent}/${path.basename(name)}`;
        for (const each of [...names]) {
          if (each !== old && !each.startsWith(`${old}/`)) continue;
          names.delete(each);
          names.add(on + each.slice(old.length));
        }
      }
    }
  }
}

function isReserved(name: string): boolean {
  return name.split('/').some((part) => part.startsWith('.wh.'));
}

/** Every name below a directory but what AUFS keeps at a branch's root, and records of dirren. */
function namesUnder(root: string, under = ''): string[] {
  return readdirSync(path.join(root, under)).flatMap((name) => {
    if (/^\.wh\.\.wh\.(aufs|plnk|orph|dr)|^\.aufs\./.test(name)) return [];
    const at = under + name;
    return lstatSync(path.join(root, at)).isDirectory() ? [at, ...namesUnder(root, `${at}/`)] : [at];
  });
}

const everyCase = process.env.TSAUFS_EVERY_CASE === '1';

describe.each([
  { suite: 'themes', what: 'all', base: memory, needs: [], chunk: 20, changedPaths: 6 },
  { suite: 'ext4', what: 'all', base: disk, needs: ['setfacl', 'getfacl'], chunk: 20, changedPaths: 6 },
  // All of them take minutes.
  { suite: 'random', what: everyCase ? 'all' : 'one in four, all with TSAUFS_EVERY_CASE=1', base: memory, needs: [], chunk: 40, changedPaths: 2 },
])('$suite ($what): explain and tree agree with the mount', ({ suite, base, needs, chunk, changedPaths }) => {
  const reason = obstacle ?? missing(...needs);
  let operator: Operator;
  let mountHere: Mounter;
  beforeAll(async () => {
    if (reason !== undefined) return;
    operator = new Operator(base);
    mountHere = await libraryMounter();
  });
  afterAll(async () => {
    if (reason === undefined) await operator.close();
  });

  const cases = readCases(suite).filter((_, at) => suite !== 'random' || everyCase || at % 4 === 0);
  for (let start = 0; start < cases.length; start += chunk) {
    const part = cases.slice(start, start + chunk);
    test.skipIf(reason !== undefined)(`${part[0].test.name} to ${part.at(-1)!.test.name}${because(reason)}`, async () => {
      const wrong: string[] = [];
      let [mounted, seen, changes] = [0, 0, 0];
      for (const { test: case_ } of part) {
        const checking: Mounter = async (given, directory) => {
          const union = await mountHere(given, directory);
          if ('refused' in union) return union;
          return {
            async unmount() {
              mounted++;
              const checker = new Checker(case_, directory, changedPaths);
              try {
                checker.check();
              } finally {
                await union.unmount();
              }
              wrong.push(...checker.wrong);
              seen += checker.seen;
              changes += checker.changes;
            },
          };
        };
        await operator.outcome(case_, checking);
      }
      expect(wrong).toEqual([]);
      expect(Math.min(seen, changes)).toBeGreaterThanOrEqual(mounted * 2);
    }, 180_000);
  }
});
