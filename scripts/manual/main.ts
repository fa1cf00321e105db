/**
 * `npm run build:manual`: the manual pages in dist/man and what completes commands in dist/completions, made from the registry of commands, their help texts and the table of
 * mount options. `npm run docs:options`: what is made and checked in, docs/options.md and the list of pages in package.json.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { completionData } from './completion-data.js';
import { commandPages } from './command-pages.js';
import { formatPage } from './format-page.js';
import { optionsDocument } from './options-document.js';
import { overviewPage } from './overview-page.js';
import { roff, type Edition, type Page } from './roff.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

if (process.argv[2] === '--options') {
  writeFileSync(path.join(root, 'docs/options.md'), optionsDocument());
  await listPages(path.join(root, 'package.json'));
} else {
  await writeManual(path.join(root, 'dist/man'));
  await writeCompletions(path.join(root, 'dist/completions'));
}

async function writeCompletions(directory: string): Promise<void> {
  cpSync(path.join(root, 'scripts/manual/completions'), directory, { recursive: true });
  writeFileSync(path.join(directory, 'commands.json'), JSON.stringify(await completionData()));
}

async function writeManual(directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  const edition = editionNow();
  for (const page of await pages()) {
    const place = path.join(directory, `man${page.section}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, `${page.name}.${page.section}`), roff(page, edition));
  }
}

async function pages(): Promise<Page[]> {
  return [overviewPage(), ...await commandPages(), formatPage];
}

/** npm makes links to what stands there. */
async function listPages(file: string): Promise<void> {
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  manifest['man'] = (await pages()).map(({ name, section }) => `./dist/man/man${section}/${name}.${section}`).toSorted();
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** SOURCE_DATE_EPOCH makes builds at different times the same, reproducible-builds.org. */
function editionNow(): Edition {
  const seconds = process.env['SOURCE_DATE_EPOCH'];
  const time = seconds === undefined ? new Date() : new Date(Number(seconds) * 1000);
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  return { date: time.toISOString().slice(0, 10), source: `tsaufs ${version}` };
}
