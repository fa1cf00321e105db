import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkBranch } from '../../src/inspect/check.js';
import { planOf, repair, type RepairChoice } from '../../src/inspect/check-repair.js';
import { shell } from '../helpers/process.js';
import { scratchDirectory } from '../layers/scratch.js';

const scratch = scratchDirectory();

async function check(script: string, ...below: string[]): Promise<string[]> {
  await shell(`cd ${scratch.path}; mkdir -p top ${below.join(' ')}; ${script}`);
  return found(...below);
}

function found(...below: string[]): string[] {
  return checkBranch(scratch.at('top'), { below: below.map((name) => scratch.at(name)) }).problems.map(({ kind, path }) => `${kind} ${path}`);
}

function repairAll(choice: RepairChoice): void {
  for (const problem of checkBranch(scratch.at('top')).problems) {
    const plan = planOf(problem, choice);
    if (plan !== null) repair(scratch.at('top'), plan);
  }
}

/** As tsaufs and AUFS leave a branch. */
const base = 'touch top/.wh..wh.aufs; mkdir -m 700 top/.wh..wh.plnk top/.wh..wh.orph';

describe('checkBranch', () => {
  it('finds nothing in a plain directory, nor in a branch in order', async () => {
    expect(await check('touch top/a; mkdir top/d')).toEqual([]);
    expect(await check(`${base}; ln top/.wh..wh.aufs top/.wh.gone; ln top/.wh..wh.aufs top/d/.wh..wh..opq; touch top/d/new`)).toEqual([]);
    expect(checkBranch(scratch.at('top')).names).toBe(8);
  });

  it('a whiteout of what no branch below has is stray, of what one has is not', async () => {
    expect(await check(`mkdir -p top/d top/new low/d lowest/d; touch low/a lowest/d/b
      touch top/.wh.a top/.wh.b top/d/.wh.b top/d/.wh.c top/new/.wh.x`, 'low', 'lowest'))
      .toEqual(['stray .wh.b', 'stray d/.wh.c', 'stray new/.wh.x']);
    expect(found()).toEqual([]);
  });

  it('a whiteout counts as needed where a branch in between hides the name, too', async () => {
    expect(await check('touch top/.wh.a low/.wh.a lowest/a', 'low', 'lowest')).toEqual([]);
  });

  it('in an opaque directory, and below one, every whiteout is stray', async () => {
    expect(await check('mkdir -p top/d/sub; touch top/d/.wh..wh..opq top/d/.wh.a top/d/sub/.wh.b top/.wh.c top/.wh.'))
      .toEqual(['stray .wh.', 'stray d/.wh.a', 'stray d/sub/.wh.b']);
  });

  it('tells nothing stray where directories were renamed across branches', async () => {
    expect(await check('mkdir -p top/d low/d; touch top/d/.wh..wh..dr.2_1_2 top/d/.wh.a top/.wh.b', 'low')).toEqual(['stray .wh.b']);
    expect(await check('touch low/.wh..wh.hino', 'low')).toEqual([]);
  });

  it('a name beside its own whiteout', async () => {
    expect(await check('mkdir -p top/d/e; touch top/d/.wh.e top/.wh.f top/f; ln -s nowhere top/s; touch top/.wh.s'))
      .toEqual(['beside .wh.f', 'beside .wh.s', 'beside d/.wh.e']);
  });

  it('marks that are not empty regular files', async () => {
    expect(await check('mkdir -p top/d top/.wh.dir; echo x >top/.wh.full; ln -s nowhere top/.wh.link; mkfifo top/.wh.fifo; echo x >top/d/.wh..wh..opq'))
      .toEqual(['malformed .wh.dir', 'malformed .wh.fifo', 'malformed .wh.full', 'malformed .wh.link', 'malformed d/.wh..wh..opq']);
  });

  it('what an interrupted mount left', async () => {
    expect(await check(`${base}; touch top/f; ln top/f top/.wh..wh.plnk/12.34; touch top/.wh..wh.plnk/12.35 top/.wh..wh.orph/.wh..wh.1f.2
      mkdir -p top/d top/.wh..wh.orph/.wh..wh.1f.3/sub; touch top/d/.wh..wh.1f.0 top/d/.wh..wh.name.00af top/.wh..wh.strange; ln -s x top/.wh..wh.rename`))
      .toEqual([
        'orphan .wh..wh.orph/.wh..wh.1f.2', 'orphan .wh..wh.orph/.wh..wh.1f.3', 'pseudo-link .wh..wh.plnk/12.34', 'pseudo-link .wh..wh.plnk/12.35',
        'interrupted .wh..wh.rename', 'unknown .wh..wh.strange', 'temporary d/.wh..wh.1f.0', 'temporary d/.wh..wh.name.00af',
      ]);
    expect(checkBranch(scratch.at('top'), { inUse: true }).problems.map(({ path }) => path)).toEqual(['.wh..wh.strange']);
  });

  it('entries of AUFS in the root that no mount would take', async () => {
    expect(await check('mkdir top/.wh..wh.aufs; touch top/.wh..wh.plnk; ln -s / top/.wh..wh.orph'))
      .toEqual(['base .wh..wh.aufs', 'base .wh..wh.orph', 'base .wh..wh.plnk']);
  });

  it('names that are not UTF-8 keep their bytes, and symbolic links are not followed', async () => {
    writeFileSync(Buffer.from(`${scratch.path}/keep`, 'latin1'), '');
    expect(await check("mkdir -p top out; touch out/.wh.x out/x; ln -s ../out top/link; touch top/$'\\xff' top/$'.wh.\\xff'")).toEqual(['beside .wh.\xff']);
  });

  it('a directory that is not there is one line', () => {
    expect(() => checkBranch(scratch.at('absent'))).toThrow(/absent/);
  });
});

describe('repair', () => {
  const damage = `${base}; echo 1 >top/f; echo 2 >top/.wh.f; rm top/.wh.f; touch top/.wh.f; mkdir -p top/d; touch top/d/.wh..wh..opq top/d/.wh.x
    echo x >top/.wh.full; ln -s nowhere top/.wh.link; ln top/f top/.wh..wh.plnk/12.34; touch top/.wh..wh.plnk/12.35 top/.wh..wh.orph/left; mkdir top/.wh.dir`;
  const rest = ['malformed .wh.dir', 'pseudo-link .wh..wh.plnk/12.35'];

  it('removes and replaces what can be, and nothing of value', async () => {
    await check(damage);
    repairAll({ beside: 'skip', rest: true });
    expect(found()).toEqual(['pseudo-link .wh..wh.plnk/12.35', 'malformed .wh.dir', 'beside .wh.f']);
    expect(await shell(`cd ${scratch.at('top')}; cat f; stat -c '%n %F %a %s' .wh.full .wh.link`))
      .toBe('1\n.wh.full regular empty file 444 0\n.wh.link regular empty file 444 0\n');
  });

  it.each([['whiteout', 'd f'], ['real', 'd']] as const)('of a name and its whiteout removes the %s', async (beside, kept) => {
    await check(damage);
    repairAll({ beside, rest: true });
    expect(found().sort()).toEqual(rest);
    expect((await shell(`ls -C ${scratch.at('top')}`)).trim().split(/\s+/).join(' ')).toBe(kept);
  });

  it('does not go through a symbolic link that took a directory\'s place', async () => {
    await check('mkdir -p top out; touch out/.wh.x; ln -s ../out top/d');
    expect(() => repair(scratch.at('top'), { action: 'remove', path: 'd/.wh.x' })).toThrow(/ELOOP|ENOTDIR|not a directory/i);
    expect(await shell(`ls -A ${scratch.at('out')}`)).toBe('.wh.x\n');
  });
});
