// The tests of the documents would find what is wrong: their parts, and a document with mistakes.
import { describe, expect, test } from 'vitest';
import { because, missing, noRootMount } from '../helpers/process.js';
import { compare, namesOf } from './compare.js';
import { parseDocument } from './document.js';
import { planOf, play } from './play.js';
import { isError, parseSession } from './session.js';

const obstacle = noRootMount() ?? missing('unshare', 'nsenter', 'setpriv');

describe('documents', () => {
  test('blocks, with what is said before them, and their lines', () => {
    const { blocks, anchors, links } = parseDocument('x.md', [
      '# A `title`, once', '# A `title`, once', '[there](a.md#b)', '<!-- test: needs this that -->', '<!-- test: setup', '# true', '-->', '```console', '# ls', '```', '', '```text', 'no', '```', '',
    ].join('\n'));
    expect(blocks).toMatchObject([
      { line: 8, language: 'console', text: '# ls', instructions: [{ word: 'needs', rest: 'this that', line: 4 }, { word: 'setup', rest: '# true', line: 5 }] },
      { line: 12, language: 'text', instructions: [] },
    ]);
    expect([...anchors]).toEqual(['a-title-once', 'a-title-once-1']);
    expect(links).toEqual([{ line: 3, target: 'a.md#b' }]);
  });

  test.each([
    ['an instruction that nothing follows', '<!-- test: skip because -->\ntext', /no block follows/],
    ['a block in a list', '- a\n  ```console\n  # ls\n  ```\n', /inside of a list/],
    ['no language', '```\nls\n```\n', /a block of no language/],
    ['a command that is not to be run', '```text\n# ls\n```\n', /are "console"/],
    ['an unknown instruction', '<!-- test: ignore -->\n```console\n# ls\n```\n', /unknown instruction "ignore"/],
    ['a skip without a reason', '<!-- test: skip -->\n```console\n# ls\n```\n', /not said why/],
    ['a document in place of a test', '<!-- test: same as x.md -->\n```console\n# ls\n```\n', /names a test or a script/],
    ['a session without a prompt', '```console\nls\n```\n', /line 2: a session begins with/],
  ])('refused: %s', (_, text, message) => {
    expect(() => planOf(parseDocument('x.md', text))).toThrow(message);
  });
});

describe('sessions', () => {
  test('commands of several lines, their output, and who types them', () => {
    expect(parseSession('# a \\\n  b\none\n\n$ c <<E\n> d\n> E\n#\n# e\n^C', 10)).toEqual([
      { line: 10, as: 'root', command: 'a \\\n  b', output: 'one\n', interrupted: false },
      { line: 14, as: 'user', command: 'c <<E\nd\nE', output: '', interrupted: false },
      { line: 18, as: 'root', command: 'e', output: '', interrupted: true },
    ]);
  });

  test('which output allows a command to fail', () => {
    expect(isError('rm: cannot remove x', 'rm x')).toBe(true);
    expect(isError('bash: x: Read-only file system', 'echo > x')).toBe(true);
    expect(isError('x: y', 'cat z')).toBe(false);
    expect(isError('', 'false')).toBe(false);
  });
});

describe('output', () => {
  test.each([
    ['the same', 'a  b\n', 'a  b', true],
    ['a word more', 'a b c\n', 'a b', false],
    ['a line less', 'a\n', 'a\nb', false],
    ['nothing', '', 'a', false],
    ['wider columns', 'a    b\n', 'a  b', true],
    ['other digits', '3 files\n', '2 files', false],
    ['another process', 'pid 77, rm[8]\n', 'pid 1234, rm[5]', true],
    ['another time', 'x  2026-01-02 03:04:05  0.5 ms\n', 'x  2027-11-12 13:14:15  1.25 ms', true],
    ['anything in a line', 'a 12 b\n', 'a … b', true],
    ['anything in a line, and another end', 'a 12 c\n', 'a … b', false],
    ['any lines', 'a\nb\nc\nd\n', 'a\n…\nd', true],
    ['no lines', 'a\nd\n', 'a\n...\nd', true],
    ['bash without a terminal', 'bash: line 7: x: Permission denied\n', 'bash: x: Permission denied', true],
  ])('%s', (_, actual, expected, matches) => {
    expect(compare(actual, expected).matches).toBe(matches);
  });

  test('what varies in one block only', () => {
    expect(compare('12 a\n', '345 a').matches).toBe(false);
    expect(compare('12 a\n', '345 a', [/^\d+/gm]).matches).toBe(true);
  });

  test('ids of the document stand for those that were printed', () => {
    expect(namesOf('x 0123456789ab\n', 'x ba9876543210')).toEqual([['ba9876543210', '0123456789ab']]);
  });
});

describe.skipIf(obstacle !== undefined)(`a document that is played${because(obstacle)}`, () => {
  test('each mistake is told, and nothing of it stays', async () => {
    const document = parseDocument('x.md', [
      '```console', '# echo a > /etc/tsaufs-docs-test; x=1', '# cat /etc/tsaufs-docs-test; echo $x', 'b', '1', '# false', '$ id -un; echo $x; cat nothing; exit 3', 'you',
      '', 'cat: nothing: No such file or directory', '```', '', '```console', '$ true', '```', '', '<!-- test: new machine -->', '```console', '# cat /etc/tsaufs-docs-test',
      'cat: /etc/tsaufs-docs-test: No such file or directory', '# (sleep 1000; echo $?)', '^C', '```',
    ].join('\n'));
    const [first, second] = await Promise.all(planOf(document).map((episode) => play(episode)));
    const [mistakes, after] = first.values();
    expect(mistakes).toEqual(expect.any(Error));
    expect((mistakes as Error).message).toMatch(/the shell ended in: id -un/);
    expect(after).toBe(mistakes);
    expect([...second.values()]).toEqual([[]]);
    const [differences] = (await play(planOf(parseDocument('x.md', [
      '```console', '# echo a', 'b', '# false', '# ls /nothing', 'ls: cannot access \'/nothing\': No such file or directory', '```',
    ].join('\n')))[0])).values();
    expect(differences).toMatchObject([
      { line: 2, command: 'echo a', actual: 'a', expected: 'b', because: 'it printed something else' },
      { line: 4, command: 'false', because: 'it ended with status 1' },
    ]);
  });
});
