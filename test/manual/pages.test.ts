// Manual pages and docs/options.md: made from the registry of commands, the help texts and the table of mount options.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import tmp from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { commandPages } from '../../scripts/manual/command-pages.js';
import { formatPage } from '../../scripts/manual/format-page.js';
import { optionsDocument } from '../../scripts/manual/options-document.js';
import { overviewPage } from '../../scripts/manual/overview-page.js';
import { roff, type Block } from '../../scripts/manual/roff.js';
import { commands, findCommand, isGroup } from '../../src/cli/commands.js';

const edition = { date: '2026-11-21', source: 'tsaufs 0.1.0' };
const pages = [overviewPage(), ...await commandPages(), formatPage].map((page) => ({ ...page, file: `${page.name}.${page.section}`, text: roff(page, edition) }));

let directory: tmp.DirectoryResult;
beforeAll(async () => {
  directory = await tmp.dir({ unsafeCleanup: true });
  for (const { file, text } of pages) writeFileSync(path.join(directory.path, file), text);
});
afterAll(() => directory.cleanup());

const mandoc = spawnSync('mandoc', ['-T', 'lint', '/dev/null']).error === undefined;
const man = spawnSync('man', ['--version']).error === undefined;

describe.each(pages)('$file', ({ file, blocks }) => {
  it.skipIf(!mandoc)('has nothing that mandoc warns of (needs mandoc)', () => {
    const { stdout, status } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', file], { cwd: directory.path, encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('has the sections that a manual page has, in their order', () => {
    const order = ['Name', 'Synopsis', 'Description', 'Commands', 'Branches', 'Options', 'Files on branches', 'State', 'Exit status', 'Environment', 'Files', 'Examples', 'Notes', 'See also'];
    const sections = blocks.filter((block): block is Block & { title: string } => block.kind === 'section').map(({ title }) => title);
    expect(sections).toEqual(order.filter((title) => sections.includes(title)));
    expect(sections).toEqual(expect.arrayContaining(['Name', 'Synopsis', 'Description', 'See also']));
  });
});

test.skipIf(!man)('man(1) shows them without a complaint (needs man)', () => {
  const shown = spawnSync('man', ['--warnings', '-l', path.join(directory.path, 'tsaufs.5')], { encoding: 'utf8', env: { ...process.env, MANWIDTH: '200', LC_ALL: 'C.UTF-8' } });
  expect(shown.stderr).toBe('');
  // Neither markup nor escapes are left over.
  expect(shown.stdout).toMatch(/^ +br=BRANCH\[:BRANCH…\], dirs=BRANCH\[:BRANCH…\]$/m);
  expect(shown.stdout).toMatch(/^ +tsaufs mount -o 'br=\/upper:\/a\\:b' \/mnt$/m);
  expect(shown.stdout).not.toMatch(/`|\\f|\\\(/);
});

test('every command and every option of one is there', async () => {
  for (const entry of commands.filter(({ name }) => name !== 'help')) {
    const page = pages.find(({ name }) => name === `tsaufs-${entry.name}`);
    expect(page, entry.name).toBeDefined();
    const names = isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name];
    for (const name of names) {
      const { options } = (await findCommand(name).load()).parser();
      for (const { long, short } of options.filter(({ hidden }) => !hidden)) expect(page!.text).toContain(`\\fB${(long ?? short)!.replaceAll('-', '\\-')}\\fR`);
    }
    expect(pages[0].text).toContain(`tsaufs-${entry.name}(1)`);
  }
});

test('package.json names every page ("man": npm links them); renew it with: npm run docs:options', () => {
  const { man: listed } = JSON.parse(readFileSync(inProject('package.json'), 'utf8')) as { man: string[] };
  expect(listed.toSorted()).toEqual(pages.map(({ file, section }) => `./dist/man/man${section}/${file}`).toSorted());
});

test('docs/options.md is what src/options/texts say; renew it with: npm run docs:options', () => {
  expect(readFileSync(inProject('docs/options.md'), 'utf8')).toBe(optionsDocument());
});

describe('roff', () => {
  const body = (blocks: Block[]): string => roff({ name: 'x', section: 1, blocks }, edition).split('\n').slice(1).join('\n');

  it('keeps what would be a request or an escape', () => {
    expect(body([{ kind: 'example', lines: ['.wh.a', '\'b\'', 'a\\:b -x ~ ^'] }])).toBe(
      '.RS 4\n.EX\n\\&.wh.a\n\\(aqb\\(aq\na\\e:b \\-x \\(ti \\(ha\n.EE\n.RE\n');
    expect(body([{ kind: 'paragraph', text: '.dot … é' }])).toBe('\\&.dot \\[u2026] \\[u00E9]\n');
  });

  it('sets literals bold and what stands for something italic', () => {
    expect(body([{ kind: 'synopsis', lines: ['x -L [--by N] FILE…|OCI-LAYOUT', 'y'] }])).toBe(
      '\\fBx\\fR \\fB\\-L\\fR [\\fB\\-\\-by\\fR \\fIN\\fR] \\fIFILE\\fR\\[u2026]|\\fIOCI\\-LAYOUT\\fR\n.br\n\\fBy\\fR\n');
  });

  it('needs no distance below a heading', () => {
    expect(body([{ kind: 'section', title: 'A' }, { kind: 'paragraph', text: 'b' }, { kind: 'paragraph', text: 'c' }])).toBe('.SH A\nb\n.PP\nc\n');
  });
});

function inProject(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}
