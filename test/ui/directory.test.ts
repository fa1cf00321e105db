// What a page is told of directories, beside `tsaufs tree -a` and what the mount itself lists.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { TreeEntry } from '../../src/inspect/tree.js';
import type { DirectoryEntry } from '../../src/ui/protocol.js';
import { mounted, type Mounted } from '../helpers/mounted.js';
import { because, noRootMount, program, shell, succeed } from '../helpers/process.js';
import { withUi, type Ui } from './page.js';

const reason = noRootMount();

function fill(root: string): void {
  for (const name of ['lower/d/deep', 'upper/d', 'lower/opaque', 'upper/opaque']) mkdirSync(path.join(root, name), { recursive: true });
  for (const name of ['lower/d/f', 'lower/d/deep/x', 'lower/opaque/old', 'upper/opaque/.wh..wh..opq', 'upper/.wh.gone', 'lower/gone', 'lower/.wh.ignored', 'lower/ignored']) {
    writeFileSync(path.join(root, name), 'content');
  }
  for (let index = 0; index < 10_000; index++) writeFileSync(path.join(root, 'lower', 'd', `n${index}`), '');
  // Names as bytes: no UTF-8, what JSON and addresses have a meaning for, and what looks encoded.
  for (const name of odd) writeFileSync(Buffer.from(path.join(root, 'lower', name), 'latin1'), '');
  mkdirSync(Buffer.from(path.join(root, 'lower', 'dir\xff'), 'latin1'));
  writeFileSync(Buffer.from(path.join(root, 'lower', 'dir\xff', 'in\xe9'), 'latin1'), 'four');
}

const odd = ['\xff\xfe', 'caf\xe9', Buffer.from('café', 'utf8').toString('latin1'), '%2e%2e', 'a b+c&d=e#f?g', 'line\nbreak', '"quoted"\\', '\x7f\x01'];

/** What tree -a tells, in the page's words. */
function asEntry({ name, type, branches, hidden = [], whiteouts = [], opaque = [] }: TreeEntry): object {
  const marked = (wanted: string): number[] => whiteouts.filter(({ mark }) => mark === wanted).map(({ branch }) => branch);
  return {
    name, type, seen: branches.at(0) ?? null, on: [...branches, ...hidden.map(({ branch }) => branch)].sort(),
    whiteouts: marked('counts'), ignoredWhiteouts: marked('ignored'), opaque,
  };
}

function asTold({ name, type, seen, layers, whiteouts, ignoredWhiteouts, opaque }: DirectoryEntry): object {
  // Where a hard link's file was copied up under another name, the branch has nothing under this one.
  const on = new Set([...seen === null ? [] : [seen], ...layers.map(({ branch }) => branch)]);
  return { name, type, seen, on: [...on].sort(), whiteouts, ignoredWhiteouts, opaque };
}

async function compare(ui: Ui, union: Mounted, at: string): Promise<DirectoryEntry[]> {
  const { entries } = await ui.directory(at);
  const { tree } = JSON.parse(await succeed(process.execPath, [program, 'tree', '-a', '-L', '1', '--json', path.join(union.mnt, at)])) as { tree: TreeEntry };
  // Bytes as UTF-8, which succeed() reads as latin1.
  const expected = tree.children!.map((each) => asEntry({ ...each, name: Buffer.from(each.name, 'latin1').toString('utf8') }));
  expect(entries.map(asTold)).toEqual(expected);
  const seen = entries.filter(({ type }) => type !== null).map(({ name, raw }) => raw ?? encodeURIComponent(name));
  const listed = readdirSync(path.join(union.mnt, at), { encoding: 'latin1' }).map((name) => Buffer.from(name, 'latin1'));
  expect(seen.map(bytes).sort()).toEqual(listed.map((name) => name.toString('hex')).sort());
  return entries;
}

/** Of a percent-encoded name, in hexadecimal. */
function bytes(encoded: string): string {
  const latin1 = encoded.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(latin1, 'latin1').toString('hex');
}

test.skipIf(reason !== undefined)(`directories as the tree and the mount have them, before and after changes${because(reason)}`, () =>
  mounted({ fill }, (union) => withUi([union.mnt], async (ui) => {
    const root = await compare(ui, union, '/');
    expect(root.find(({ name }) => name === 'ignored')).toMatchObject({ type: 'file', ignoredWhiteouts: [1], seen: 1 });
    expect(await ui.directory('/opaque')).toMatchObject({ path: '/opaque', merged: [0], opaque: [0], entries: [{ name: 'old', type: null, layers: [{ branch: 1, state: 'hidden' }] }] });
    expect(await compare(ui, union, '/d')).toHaveLength(10_002);

    // A name that is no UTF-8 is addressed by its bytes.
    const odds = root.filter(({ raw }) => raw !== undefined);
    expect(odds.map(({ name, raw }) => [name, raw])).toEqual([['caf\ufffd', 'caf%E9'], ['dir\ufffd', 'dir%FF'], ['\ufffd\ufffd', '%FF%FE']]);
    expect(await ui.json('/api/directory?path=/dir%FF')).toMatchObject({ path: '/dir\ufffd', raw: '/dir%FF', entries: [{ name: 'in\ufffd', raw: 'in%E9', type: 'file', size: 4, seen: 1 }] });
    expect(await ui.json('/api/explain?path=/dir%FF/in%E9')).toMatchObject({ type: 'file', branch: 1, error: null });
    for (const name of odd) {
      const encoded = Buffer.from(name, 'latin1').toString('hex').replace(/../g, '%$&');
      expect([name, await ui.json(`/api/explain?path=/${encoded}`)]).toMatchObject([name, { type: 'file', branch: 1 }]);
    }

    await shell('echo more >> d/n5; rm d/n6 gone* || rm d/n7; mkdir gone; rm -r opaque; mv d/n8 d/moved; ln d/n9 d/linked; chmod 600 d/linked; touch ignored', { cwd: union.mnt });
    await compare(ui, union, '/');
    const after = await compare(ui, union, '/d');
    const told = (name: string): DirectoryEntry | undefined => after.find((each) => each.name === name);
    expect(told('n5')).toMatchObject({ seen: 0, size: 5, layers: [{ branch: 0, state: 'seen', size: 5 }, { branch: 1, state: 'hidden', size: 0 }] });
    expect(told('n6')).toMatchObject({ type: null, seen: null, whiteouts: [0], layers: [{ branch: 1, state: 'hidden' }] });
    expect(told('n9')).toMatchObject({ seen: 0, layers: [{ branch: 1, state: 'hidden' }] });
    expect(told('moved')).toMatchObject({ seen: 0 });
  })));
