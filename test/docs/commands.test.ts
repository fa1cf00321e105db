// No command without documents: each is in README's table, and run in a session that is played.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { commands, isGroup } from '../../src/cli/commands.js';
import { project } from '../helpers/process.js';
import { documentNames, readDocument } from './document.js';
import { planOf } from './play.js';

const names = commands.flatMap((entry) => isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name]);

test('each command is in the table of README.md', () => {
  const table = /^## Commands\n([\s\S]*?)\n## /m.exec(readFileSync(path.join(project, 'README.md'), 'utf8'))![1];
  expect(commands.map(({ name }) => name).filter((name) => !table.includes(`\`${name}\``))).toEqual([]);
});

test('each command is run in a document', () => {
  const played = documentNames().flatMap((name) => planOf(readDocument(name))).flat()
    .filter(({ kind }) => kind !== 'file').map(({ block }) => block.text).join('\n');
  expect(names.filter((name) => !new RegExp(`\\btsaufs ${name}\\b`).test(played))).toEqual([]);
});
