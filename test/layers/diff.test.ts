import { describe, expect, it } from 'vitest';
import { changesOf } from '../../src/layers/diff.js';
import { shell } from '../helpers/process.js';
import { scratchDirectory } from './scratch.js';

const scratch = scratchDirectory();

/** Makes the branches by a script in the scratch directory, and tells what `top` changes. */
async function changes(script: string, ...below: string[]): Promise<string[]> {
  await shell(`cd ${scratch.path}; mkdir top ${below.join(' ')}; ${script}`);
  return changesOf(scratch.at('top'), below.map((name) => ({ path: scratch.at(name) }))).map(({ kind, path }) => `${kind} ${path}`);
}

/** A directory as copy-up makes it: same times, owner and mode. */
const copyUp = 'copy() { mkdir -p top/$1; };settle() { touch -r low/$1 top/$1; }';

describe('changesOf', () => {
  it('added, changed, deleted, in the order of bytes', async () => {
    expect(await changes('touch low/b low/c top/a top/b top/.wh.c top/B', 'low')).toEqual(['A /B', 'A /a', 'C /b', 'D /c']);
  });

  it('a directory that only holds changes is changed, and so are those above it', async () => {
    expect(await changes(`${copyUp}; mkdir -p low/a/b/c low/other; touch low/a/b/c/f; copy a/b/c; touch top/a/b/c/f; settle a/b/c; settle a/b; settle a`, 'low'))
      .toEqual(['C /a', 'C /a/b', 'C /a/b/c', 'C /a/b/c/f']);
  });

  it('a directory as it is below, with nothing in it, is no change', async () => {
    expect(await changes(`${copyUp}; mkdir -p low/a/b; copy a/b; settle a/b; settle a`, 'low')).toEqual([]);
  });

  it('a directory of another mode is changed', async () => {
    expect(await changes(`${copyUp}; mkdir -p low/a; copy a; chmod 700 top/a; settle a`, 'low')).toEqual(['C /a']);
  });

  it('a new directory and all in it', async () => {
    expect(await changes('mkdir -p top/new/sub; touch top/new/f', 'low')).toEqual(['A /new', 'A /new/f', 'A /new/sub']);
  });

  it('an opaque directory deletes what it hides', async () => {
    expect(await changes('mkdir -p low/d/sub top/d; touch low/d/gone low/d/kept low/d/sub/x top/d/.wh..wh..opq top/d/kept top/d/new', 'low'))
      .toEqual(['C /d', 'D /d/gone', 'C /d/kept', 'A /d/new', 'D /d/sub']);
  });

  it('another type', async () => {
    expect(await changes('mkdir low/d; touch low/d/x low/f; touch top/d; mkdir top/f; touch top/f/x', 'low'))
      .toEqual(['C /d', 'C /f', 'A /f/x']);
  });

  it('whiteouts and opaque directories between the branches count', async () => {
    expect(await changes('mkdir -p low/d mid/d top/d; touch low/a mid/.wh.a top/a low/d/x mid/d/.wh..wh..opq top/d/x top/.wh.a2 low/a2 mid/.wh.a2', 'mid', 'low'))
      .toEqual(['A /a', 'C /d', 'A /d/x']);
  });

  it('not those of a branch whose whiteouts do not count', async () => {
    await shell(`cd ${scratch.path}; mkdir top mid low; touch low/a mid/.wh.a top/a`);
    expect(changesOf(scratch.at('top'), [{ path: scratch.at('mid'), whiteouts: false }, { path: scratch.at('low') }])).toEqual([{ kind: 'C', path: '/a' }]);
  });

  it('a lower directory under a file of a branch between is not there', async () => {
    expect(await changes('mkdir -p low/d top/d; touch low/d/x mid/d top/d/x', 'mid', 'low')).toEqual(['C /d', 'A /d/x']);
  });

  it('a branch alone: all is added, whiteouts are deletions, records of AUFS are nothing', async () => {
    expect(await changes('mkdir -p top/d top/.wh..wh.plnk top/.wh..wh.orph; touch top/.wh..wh.aufs top/d/.wh.x top/f top/d/.wh..wh..opq top/.wh..wh.plnk/1.2'))
      .toEqual(['A /d', 'D /d/x', 'A /f']);
  });

  it('never looks through a symlink', async () => {
    expect(await changes('mkdir outside; touch outside/x; ln -s ../outside low/d; mkdir top/d; touch top/d/x; ln -s ../outside top/e', 'low'))
      .toEqual(['C /d', 'A /d/x', 'A /e']);
  });

  it('says which directory there is not', () => {
    expect(() => changesOf(scratch.at('nowhere'), [])).toThrow(/^ENOENT: no such file or directory, .*\/nowhere$/);
  });
});
