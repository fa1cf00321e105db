// What people do with a file system, done in a union of an empty branch over one with content, and the same in a
// plain directory: the results must be the same, and the read-only branch untouched.
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disk, memory, mountedIn, temporary } from '../helpers/mounted.js';
import {
  because, found, missing, nobody, noRootMount, noUserMount, run, shell, succeed, type User,
} from '../helpers/process.js';
import { describeTree, treeDifference } from '../helpers/tree.js';

interface Workload {
  name: string;
  needs: string[];
  /** Makes what the ro branch has from the start. */
  prepare(directory: string, shared: string): void | Promise<void>;
  /** Does the work in a directory, as the user. What it returns must be the same in both. */
  work(directory: string, as: User | undefined, shared: string): Promise<string>;
  /** Entries that differ between any two runs. */
  leaveOut?: string[];
}

const fileCount = 1000;

const workloads: Workload[] = [
  {
    name: 'git clone and git status of 1,000 files',
    needs: ['git'],
    prepare: (directory, shared) => cpSync(path.join(shared, 'repository'), path.join(directory, 'repository'), { recursive: true }),
    work: async (directory, as) => {
      const git = (...args: string[]): Promise<string> => succeed('git', ['-c', 'safe.directory=*', ...args], {
        cwd: directory, as, env: { HOME: directory, GIT_CONFIG_GLOBAL: '/dev/null', GIT_COMMITTER_DATE: '2020-01-01T00:00Z' },
      });
      await git('clone', '-q', '--no-hardlinks', 'repository', 'clone');
      await shell('echo changed >> clone/dir3/file13.txt', { cwd: directory, as });
      return await git('-C', 'clone', 'status', '--porcelain') + await git('-C', 'clone', 'log', '--oneline') +
        await git('-C', 'clone', 'fsck', '--strict');
    },
    // It has times of files in it.
    leaveOut: ['index'],
  },
  {
    name: 'npm install of a package with dependencies',
    needs: ['npm'],
    prepare: (directory) => writeFileSync(path.join(directory, 'package.json'), '{"name":"try","version":"1.0.0","private":true}\n'),
    work: async (directory, as, shared) => {
      const npm = (...args: string[]): Promise<string> => succeed('npm', args, { cwd: directory, as, env: { HOME: path.join(shared, as ? 'user' : 'root') } });
      await npm('install', '--no-audit', '--no-fund', '--loglevel=error', 'fs-extra@11.3.0');
      return await npm('ls', '--all') +
        await succeed(process.execPath, ['-p', 'Object.keys(require("fs-extra")).length'], { cwd: directory, as });
    },
  },
  {
    name: 'tar x of /usr/include',
    needs: ['tar'],
    // Some of it is there already, and is replaced.
    prepare: (directory) => shell('mkdir include; cp -a /usr/include/*.h include/', { cwd: directory }).then(() => undefined),
    work: async (directory, as, shared) => {
      await succeed('tar', ['-xf', path.join(shared, 'include.tar')], { cwd: directory, as });
      return shell('find include -type f -printf "%P %T@\n" | sort', { cwd: directory, as });
    },
  },
  {
    name: 'a C compile against headers of the ro branch',
    needs: ['gcc'],
    prepare: (directory) => makeCProject(directory),
    work: (directory, as) => shell('mkdir build; for f in src/*.c; do gcc -O1 -Iinclude -c $f -o build/$(basename $f .c).o; done; gcc build/*.o -o build/program; build/program; echo "#define EXTRA 1" >> include/common.h; gcc -Iinclude -E src/main.c | grep -c main', { cwd: directory, as }),
  },
  {
    name: 'a sqlite database with 100 commits',
    needs: ['sqlite3'],
    prepare: (directory) => shell('sqlite3 old.db "create table t(a integer primary key, b text); insert into t values (0, \'old\')"', { cwd: directory }).then(() => undefined),
    work: async (directory, as) => {
      const inserts = Array.from({ length: 100 }, (_, index) => `begin; insert into t values (${index + 1}, hex(zeroblob(${index * 10}))); commit;`);
      const check = 'pragma integrity_check; select count(*), sum(a), sum(length(b)) from t;';
      const once = (file: string, ...sql: string[]): Promise<string> => succeed('sqlite3', [file], { cwd: directory, as, input: sql.join('\n') });
      const copiedUp = await once('old.db', ...inserts, check);
      const fresh = await once('new.db', 'pragma journal_mode=wal; create table t(a integer primary key, b text);', ...inserts, check);
      return copiedUp + fresh;
    },
  },
  {
    name: 'rm -rf of a tree of the ro branch',
    needs: [],
    prepare: (directory, shared) => {
      cpSync(path.join(shared, 'repository'), path.join(directory, 'tree'), { recursive: true });
      writeFileSync(path.join(directory, 'kept'), 'kept');
    },
    work: async (directory, as) => {
      await succeed('rm', ['-rf', 'tree'], { cwd: directory, as });
      const gone = await shell('ls -A; mkdir tree; ls -A tree; rmdir tree', { cwd: directory, as });
      return gone + String((await run('stat', ['tree'], { cwd: directory, as })).status);
    },
  },
];

const combinations = [
  { user: 'root', as: undefined, base: memory, on: 'tmpfs' },
  { user: 'root', as: undefined, base: disk, on: 'a disk' },
  { user: 'an ordinary user', as: nobody, base: memory, on: 'tmpfs' },
  { user: 'an ordinary user', as: nobody, base: disk, on: 'a disk' },
];

/** What several workloads start from. */
const shared = mkdtempSync(path.join(disk, 'tsaufs-test-'));
beforeAll(async () => {
  if (noRootMount() !== undefined) return;
  await shell('chmod 755 .; mkdir root user; chmod 777 user; tar -C /usr -cf include.tar include', { cwd: shared });
  if (found('git')) await makeRepository(path.join(shared, 'repository'));
}, 120_000);
afterAll(() => rmSync(shared, { recursive: true }));

for (const { user, as, base, on } of combinations) {
  const reason = as ? noUserMount() : noRootMount();
  describe(`as ${user} on ${on}${because(reason)}`, () => {
    for (const workload of workloads) {
      const lacking = reason ?? missing(...workload.needs);
      test.skipIf(lacking !== undefined)(workload.name + because(lacking), async () => {
        await temporary(base, as, async (directory) => {
          // At the same path both times: git and others write it down.
          const place = path.join(directory, 'mnt');
          mkdirSync(place);
          await fill(workload, place, as);
          const expected = await workload.work(place, as, shared);
          const expectedTree = await describeTree(place, 'content', workload.leaveOut);
          renameSync(place, path.join(directory, 'plain'));

          await mountedIn(directory, { as, fill: () => fill(workload, path.join(directory, 'lower'), as) }, async (union) => {
            const before = await describeTree(union.on('lower'), 'exact');
            const untouched = async (): Promise<void> =>
              expect(treeDifference(before, await describeTree(union.on('lower'), 'exact'))).toEqual([]);
            expect(await workload.work(union.mnt, as, shared)).toBe(expected);
            const tree = await describeTree(union.mnt, 'content', workload.leaveOut, as);
            expect(treeDifference(expectedTree, tree)).toEqual([]);
            await untouched();
            await union.unmount();
            await untouched();
          });
        });
      }, 300_000);
    }
  });
}

/** The content belongs to the user, as what he made himself would. */
async function fill(workload: Workload, directory: string, as: User | undefined): Promise<void> {
  await workload.prepare(directory, shared);
  if (as) await succeed('chown', ['-R', `${as.uid}:${as.gid}`, directory]);
}

async function makeRepository(directory: string): Promise<void> {
  mkdirSync(directory);
  for (let index = 0; index < fileCount; index++) {
    const folder = path.join(directory, `dir${index % 10}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, `file${index}.txt`), `file ${index}\n`.repeat(index % 50 + 1));
  }
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@localhost'];
  await shell(`git init -q -b main; git add .; git ${identity.join(' ')} commit -q -m first`, {
    cwd: directory,
    env: { HOME: directory, GIT_CONFIG_GLOBAL: '/dev/null', GIT_COMMITTER_DATE: '2020-01-01T00:00Z', GIT_AUTHOR_DATE: '2020-01-01T00:00Z' },
  });
}

function makeCProject(directory: string): void {
  mkdirSync(path.join(directory, 'src'));
  mkdirSync(path.join(directory, 'include/deep'), { recursive: true });
  writeFileSync(path.join(directory, 'include/common.h'), '#include <stdio.h>\n#include "deep/part.h"\n');
  const parts = Array.from({ length: 20 }, (_, index) => index);
  writeFileSync(path.join(directory, 'include/deep/part.h'), parts.map((part) => `int part${part}(void);\n`).join(''));
  for (const part of parts) {
    writeFileSync(path.join(directory, `src/part${part}.c`), `#include "common.h"\nint part${part}(void) { return ${part}; }\n`);
  }
  writeFileSync(path.join(directory, 'src/main.c'),
    `#include "common.h"\nint main(void) { printf("%d\\n", ${parts.map((part) => `part${part}()`).join(' + ')}); return 0; }\n`);
}
