// The page of `tsaufs ui` as a person has it: seen in a browser, over a real mount that a shell changes.
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Page as BrowserPage } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memory } from '../helpers/mounted.js';
import { because, project, run, shell, until } from '../helpers/process.js';
import { chip, closeBrowser, inBrowser, noBrowser, onPage, openBrowser, row, rows, share, type Shared } from './browser.js';
import { withUi } from './page.js';

const reason = noBrowser();

/** Two images: 001 and 002 on the upper one, 002 and 003 on the lower one, which has etc/hosts as well. */
const images = {
  branches: [['image1', 'rw'], ['image2', 'ro']] as const,
  fill: (root: string): void => {
    for (const [file, text] of [['image1/001', 'image1\n'], ['image1/002', 'image1\n'], ['image2/002', 'image2\n'], ['image2/003', 'image2\n']]) {
      writeFileSync(path.join(root, file), text);
    }
    mkdirSync(path.join(root, 'image2/etc'));
    writeFileSync(path.join(root, 'image2/etc/hosts'), '127.0.0.1 localhost\n');
  },
};

/** The page draws when it has heard: what is looked for may come a moment later. */
const patience = { timeout: 30_000 };

const kinds = (page: BrowserPage): Promise<string[]> => page.locator('.event').evaluateAll((all) => all.map((each) => each.getAttribute('data-kind')!));

/** Until as many events are in the timeline. */
async function events(page: BrowserPage, count: number): Promise<void> {
  await page.locator('.event').nth(count - 1).waitFor();
}

async function classes(page: BrowserPage, selector: string): Promise<string[]> {
  return (await page.locator(selector).getAttribute('class') ?? '').split(' ');
}

// One for all tests.
beforeAll(async () => { if (reason === undefined) await openBrowser(); });
afterAll(closeBrowser);

describe.skipIf(reason !== undefined)(`the page${because(reason)}`, () => {
  describe('of one union', () => {
    let shared: Shared;
    beforeAll(async () => { shared = await share(images); });
    afterAll(() => shared.end());

    test('the layers from the top down, and what is seen of them', () => shared.look(async (page) => {
      expect(await page.locator('.slab .label').allTextContents()).toEqual(['image1', 'image2']);
      expect(await page.locator('.slab .permission').allTextContents()).toEqual(['writable rw', 'read-only ro']);
      await expect.poll(() => rows(page), patience).toEqual(['001', '002', '003', 'etc']);
      expect(await classes(page, chip(0, '/002'))).toContain('seen');
      expect(await classes(page, chip(1, '/002'))).toContain('hidden');
      expect(await page.locator(`${chip(1, '/002')} .name`).evaluate((name) => getComputedStyle(name).textDecorationLine)).toBe('line-through');
      expect(await page.locator(row('/002')).getAttribute('aria-label')).toBe('002, file from image1, hidden on image2');

      await page.hover(row('/003'));
      await page.locator(`${chip(1, '/003')}.lit`).waitFor();
      expect(await page.locator('.links path').count()).toBe(1);
      await page.click(`${row('/etc')} .twist`);
      await page.locator(row('/etc/hosts')).waitFor();
      expect(await page.locator(chip(1, '/etc/hosts')).count()).toBe(1);
    }));

    test('by keyboard only', () => shared.look(async (page) => {
      const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? '');
      const active = async (): Promise<string | null> => {
        const id = await page.locator('#tree').getAttribute('aria-activedescendant');
        return page.locator(`#${id!}`).getAttribute('data-row');
      };
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Skip to the merged view');
      await page.keyboard.press('Enter');
      expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tree');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('End');
      expect(await active()).toBe('/etc');
      await page.keyboard.press('ArrowRight');
      await page.locator(row('/etc/hosts')).waitFor();
      expect(await page.locator(row('/etc')).getAttribute('aria-expanded')).toBe('true');
      await page.keyboard.press('ArrowRight');
      expect(await active()).toBe('/etc/hosts');
      expect(await page.locator(row('/etc/hosts')).evaluate((it) => getComputedStyle(it).outlineStyle)).toBe('solid');
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => rows(page), patience).toEqual(['001', '002', '003', 'etc']);
      await page.keyboard.press('Home');
      await page.keyboard.type('003');
      expect(await active()).toBe('/003');
      await page.keyboard.press('Enter');
      await page.locator('.verdict').filter({ hasText: 'the file of 1image2' }).waitFor();
      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Close the explanation');
      await page.keyboard.press('Enter');
      await page.locator('.explain').waitFor({ state: 'detached' });
      await page.keyboard.press('?');
      await page.locator('dialog[open]').waitFor();
      await page.keyboard.press('Escape');
      await page.locator('dialog[open]').waitFor({ state: 'detached' });
      // Everything that can be pressed can be reached, or is one of a group that can.
      await page.locator('.path-line button').focus();
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('001');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowDown');
      expect(await page.evaluate(() => document.activeElement?.getAttribute('data-chip'))).toBe('1:/002');
      await page.keyboard.press('Enter');
      await page.locator('.verdict').filter({ hasText: 'the file of 0image1' }).waitFor();
    }));

    test('a page of another site learns nothing', () => shared.look(async (page, _, ui) => {
      const stranger = http.createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>another site</title>'));
      await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
      try {
        const other = await page.context().newPage();
        await other.goto(`http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`);
        const got = await other.evaluate(async (address) => {
          const results: string[] = [];
          for (const init of [{}, { credentials: 'include' }, { method: 'POST', body: '{"action":"end"}', credentials: 'include' }] as RequestInit[]) {
            results.push(await fetch(`${address}/api/${init.method === 'POST' ? 'tour' : 'union'}`, init).then((response) => response.text(), () => 'refused'));
          }
          results.push(await new Promise((resolve) => {
            const source = new EventSource(`${address}/api/events`, { withCredentials: true });
            source.onopen = () => resolve('listens');
            source.onerror = () => { source.close(); resolve('refused'); };
          }));
          results.push(await new Promise((resolve) => {
            const script = document.createElement('script');
            script.src = `${address}/page.js`;
            script.onload = () => resolve('runs');
            script.onerror = () => resolve('refused');
            document.head.append(script);
          }));
          const frame = document.createElement('iframe');
          frame.src = address;
          document.body.append(frame);
          await new Promise((resolve) => { frame.onload = resolve; });
          results.push(frame.contentDocument === null ? 'refused' : 'framed');
          return results;
        }, `http://127.0.0.1:${ui.port}`);
        expect(got).toEqual(['refused', 'refused', 'refused', 'refused', 'refused', 'refused']);
        await other.close();
      } finally {
        stranger.closeAllConnections();
        stranger.close();
      }
    }));
  });

  test('a copy-up and a whiteout appear when a shell writes and removes; the timeline tells who did it', () => onPage(images, async (page, union) => {
    const flight = page.locator('.ghost').waitFor({ state: 'attached' });
    await shell('echo container >> 003', { cwd: union.mnt });
    await flight;
    await page.locator(`${chip(0, '/003')}.seen`).waitFor();
    await page.locator(`${chip(1, '/003')}.hidden`).waitFor();
    expect(await kinds(page)).toEqual(['copy-up']);
    expect(await page.locator('.event').textContent()).toMatch(/^\d\d:\d\d:\d\d\.\d{3}copy-up\/0031image20image17 Bbash\[\d+\]$/);
    await page.locator(`${row('/003')} .size`).filter({ hasText: '17 B' }).waitFor();

    await shell('rm 002', { cwd: union.mnt });
    await page.locator(`${chip(0, '/002')}.whiteout`).waitFor();
    await events(page, 3);
    expect(await kinds(page)).toEqual(['copy-up', 'whiteout', 'unlink']);
    await expect.poll(() => rows(page), patience).toEqual(['001', '-002', '003', 'etc']);
    expect(await page.locator(`${row('/002')} .mark.whiteout`).textContent()).toBe('whiteout0');

    await shell('mkdir 002', { cwd: union.mnt });
    await page.locator(`${chip(0, '/002')}.is-opaque`).waitFor();
    await page.locator(`${row('/002')} .mark.opaque`).waitFor();
    await page.locator('.unseen').filter({ hasText: '/002 made on image1' }).waitFor();
    await page.locator('.ghost').waitFor({ state: 'detached' });
  }, { reducedMotion: 'no-preference' }));

  test('explains what is clicked on, and again after a change of it', () => onPage(images, async (page, union) => {
    await page.click(row('/002'));
    await page.locator('.verdict').filter({ hasText: 'The union shows the file of 0image1.' }).waitFor();
    expect(await page.locator('.explained .state').allTextContents()).toEqual(['seen', 'hidden by the one on image1']);
    const plans = await page.locator('.plan').evaluateAll((all) => all.map((each) => [...each.querySelectorAll('dt, li')].map((part) => part.textContent)));
    expect(plans).toEqual([
      ['Write', 'write on 0image1'], ['chmod, chown', 'change on 0image1'],
      ['Delete', 'whiteout .wh.002 on 0image1', 'remove from 0image1'], ['Rename', 'whiteout .wh.002 on 0image1', 'rename on 0image1'],
    ]);
    await shell('rm 002', { cwd: union.mnt });
    await page.locator('.verdict').filter({ hasText: 'The union shows nothing here (ENOENT).' }).waitFor();
    expect(await page.locator('.explained .state').allTextContents()).toEqual(['whiteout: the search ends here', 'hidden by the whiteout on image1']);
    // From a layer, too.
    await page.click(chip(1, '/003'));
    await page.locator('.verdict').filter({ hasText: 'The union shows the file of 1image2.' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.explain').waitFor({ state: 'detached' });
  }));

  test('the timeline is replayed step by step: each shows the directory as it was', () => onPage(images, async (page, union) => {
    await shell('echo x >> etc/hosts; rm 002; mv 001 one', { cwd: union.mnt });
    await events(page, 5);
    expect(await kinds(page)).toEqual(['copy-up', 'copy-up', 'whiteout', 'unlink', 'rename']);
    await page.locator(row('/one')).waitFor();
    const now = page.locator('.now');

    await page.click('button[aria-label="Previous event"]');
    await now.filter({ hasText: 'Event 5 of 5' }).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['-002', '003', 'etc', 'one']);
    await page.keyboard.press('[');
    await now.filter({ hasText: 'Event 4 of 5' }).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['001', '-002', '003', 'etc']);
    await page.keyboard.press('[');
    await page.keyboard.press('[');
    await now.filter({ hasText: 'Event 2 of 5' }).waitFor();
    // In etc, which nobody had opened.
    await page.locator(`${row('/etc/hosts')}.looked`).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['001', '002', '003', 'etc', 'hosts']);
    expect(await classes(page, chip(0, '/etc/hosts'))).toContain('seen');
    await page.keyboard.press('[');
    await now.filter({ hasText: 'Event 1 of 5' }).waitFor();
    expect(await page.locator(`${row('/etc')} .badge`).allTextContents()).toEqual(['0', '1']);
    await page.click('button[aria-label="Before the first event"]');
    await now.filter({ hasText: 'Before the first event' }).waitFor();
    expect(await page.locator(`${row('/etc')} .badge`).allTextContents()).toEqual(['1']);

    // What happens meanwhile waits in the timeline.
    await shell('touch new', { cwd: union.mnt });
    await events(page, 6);
    await expect.poll(() => rows(page), patience).toEqual(['001', '002', '003', 'etc', 'hosts']);
    await page.focus('.events');
    await page.keyboard.press('End');
    await now.filter({ hasText: 'Event 6 of 6' }).waitFor();
    await page.keyboard.press('ArrowUp');
    await now.filter({ hasText: 'Event 5 of 6' }).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['-002', '003', 'etc', 'hosts', 'one']);
    await page.keyboard.press(' ');
    await now.filter({ hasText: 'Event 6 of 6' }).waitFor();
    await page.keyboard.press('Escape');
    await now.filter({ hasText: 'as it is now' }).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['-002', '003', 'etc', 'hosts', 'new', 'one']);
  }));

  test('10,000 names: few of them drawn, the last one reached, and changes seen', () => onPage({
    branches: images.branches,
    fill: (root) => {
      for (let i = 0; i < 10_000; i++) writeFileSync(path.join(root, `image2/file-${String(i).padStart(5, '0')}`), '');
    },
  }, async (page, union) => {
    await page.locator(row('/file-00000')).waitFor();
    expect(await page.locator('.tree .quiet').textContent()).toBe('10,000 names');
    const drawn = (): Promise<number> => page.locator('.row, .chip').count();
    expect(await drawn()).toBeLessThan(120);
    await page.focus('#tree');
    await page.keyboard.press('End');
    await page.locator(row('/file-09999')).waitFor();
    expect(await page.locator(row('/file-09999')).getAttribute('aria-posinset')).toBe('10000');
    await page.locator('.rows').evaluate((tree) => { tree.scrollTop = 5_000 * 30; });
    await page.locator(row('/file-05000')).waitFor();
    expect(await drawn()).toBeLessThan(120);
    await shell('rm file-05000', { cwd: union.mnt });
    await page.locator(`${row('/file-05000')}.gone`).waitFor();
  }));

  test('names that are no UTF-8, have control characters, or are long', () => onPage({
    branches: [['image1', 'rw']],
    fill: (root) => {
      writeFileSync(Buffer.from(`${root}/image1/\xff%41`, 'latin1'), 'x');
      writeFileSync(path.join(root, 'image1/new\nline'), '');
      writeFileSync(path.join(root, `image1/${'long '.repeat(40)}`), '');
      mkdirSync(Buffer.from(`${root}/image1/\xe9t\xe9`, 'latin1'));
      writeFileSync(Buffer.from(`${root}/image1/\xe9t\xe9/a&b=c+d#`, 'latin1'), 'y');
    },
  }, async (page) => {
    expect((await rows(page)).filter((name) => !name.startsWith('long'))).toEqual(['new\\x0aline', '\ufffdt\ufffd', '\ufffd%41']);
    await page.click(row('/%FF%2541'));
    await page.locator('.verdict').filter({ hasText: 'the file of 0image1' }).waitFor();
    await page.click(`${row('/%E9t%E9')} .twist`);
    await page.locator(row('/%E9t%E9/a%26b%3Dc%2Bd%23')).click();
    await page.locator('.explain h2').filter({ hasText: '/\ufffdt\ufffd/a&b=c+d#' }).waitFor();
    await page.locator('.verdict').filter({ hasText: 'the file of 0image1' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  }));

  test('light and dark, every text has a contrast of 4.5 at least; on 360 pixels nothing is cut off at the side', () => onPage(images, async (page, union) => {
    await shell('rm 002; mkdir 002; rm 003; echo x >> etc/hosts', { cwd: union.mnt });
    await events(page, 7);
    await page.click(row('/002'));
    await page.locator('.plan').first().waitFor();
    for (const [colorScheme, ground] of [['dark', 'rgb(19, 19, 18)'], ['light', 'rgb(246, 246, 244)']] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(ground);
      expect(await page.evaluate(lowContrast)).toEqual([]);
    }
    await page.setViewportSize({ width: 360, height: 700 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    for (const part of ['.layers', '.tree', '.explain', '.timeline']) {
      const { x, width } = (await page.locator(part).boundingBox())!;
      expect([part, x >= 0, x + width <= 360]).toEqual([part, true, true]);
    }
  }));

  test('an empty union says what to do; its end is told, and what was last seen stays', () => onPage({ branches: [['image1', 'rw']] }, async (page, union) => {
    await page.locator('.tree .empty').filter({ hasText: 'The union is empty.' }).waitFor();
    await page.locator('.timeline .empty').filter({ hasText: `Change something below ${union.mnt}` }).waitFor();
    await shell('touch new', { cwd: union.mnt });
    await page.locator(row('/new')).waitFor();
    await union.unmount();
    await page.locator('.notice').filter({ hasText: `${union.mnt} was unmounted.` }).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['new']);
  }));

  test('that tsaufs ui was ended, or killed, is told', () => onPage(images, async (page, union, ui) => {
    ui.child.kill('SIGTERM');
    await page.locator('.notice').filter({ hasText: 'tsaufs ui was ended.' }).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['001', '002', '003', 'etc']);
    await withUi([union.mnt], (second) => inBrowser(second, async (other) => {
      await other.locator('.connection.live').waitFor();
      second.child.kill('SIGKILL');
      await other.locator('.notice').filter({ hasText: 'The connection to tsaufs is lost' }).waitFor();
    }));
  }));

  test('branches that are added and changed are shown at once', () => onPage(images, async (page, union) => {
    await shell(`mkdir ${union.root}/image0; ${process.execPath} ${project}/dist/cli/main.js remount -o prepend:${union.root}/image0=rw ${union.mnt}`);
    await page.locator('.slab').nth(2).waitFor();
    await page.locator(`${row('/001')} .badge`).filter({ hasText: '1' }).waitFor();
    expect(await page.locator('.slab .label').allTextContents()).toEqual(['image0', 'image1', 'image2']);
    expect(await page.locator(`${row('/001')} .badge`).textContent()).toBe('1');
  }));
});

/** In the browser: the texts whose colour is too near to what is behind them (WCAG 2, AA). */
function lowContrast(): string[] {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
  const over = (colours: string[]): number[] => {
    for (const colour of colours) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const luminance = (rgb: number[]): number => {
    const [r, g, b] = rgb.map((value) => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Element | null): string[] =>
    element === null ? ['white'] : [...behind(element.parentElement), getComputedStyle(element).backgroundColor];
  const found = new Set<string>();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    const element = text.parentElement;
    if (element === null || text.textContent?.trim() === '' || !element.checkVisibility() || element.closest(':disabled, .unseen, .skip, dialog') !== null) continue;
    const ground = behind(element);
    const [a, b] = [luminance(over(ground)), luminance(over([...ground, getComputedStyle(element).color]))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.add(`${text.textContent ?? ''} (${element.className}): ${contrast.toFixed(2)}`);
  }
  return [...found];
}

describe.skipIf(reason !== undefined)(`the guided tour, and the pictures of docs/learn.md, which TSAUFS_PICTURES=1 writes there${because(reason)}`, () => {
  const size = { viewport: { width: 1180, height: 640 } };
  let pictures: string;
  beforeAll(() => {
    pictures = process.env['TSAUFS_PICTURES'] === '1' ? path.join(project, 'docs/images') : mkdtempSync(path.join(memory, 'tsaufs-pictures-'));
  });
  afterAll(() => { if (pictures.startsWith(memory)) rmSync(pictures, { recursive: true }); });

  async function take(page: BrowserPage, name: string): Promise<void> {
    const file = path.join(pictures, `learn-${name}.png`);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: file, animations: 'disabled' });
    // Half as large; where it is not installed they are as they were taken.
    if (process.env['TSAUFS_PICTURES'] === '1') await run('pngquant', ['--force', '--ext=.png', '--strip', '--speed=1', file]).catch(() => undefined);
    const { size: bytes } = statSync(file);
    expect([name, bytes > 15_000, bytes < 250_000]).toEqual([name, true, true]);
  }

  async function start(page: BrowserPage, lesson: string): Promise<void> {
    await page.locator('.lesson').filter({ hasText: lesson }).getByRole('button', { name: 'Start' }).click();
    await page.locator('.progress').waitFor();
  }

  /** Goes on to the next step, and does it. Returns what its command printed. */
  async function next(page: BrowserPage): Promise<string> {
    await page.click('button:has-text("Next")');
    expect(await page.locator('.output').count()).toBe(0);
    await page.click('button:has-text("Run it")');
    await page.locator('.output').waitFor();
    return page.locator('.output').innerText();
  }

  test('two images and a container, from start to end, and back', () => withUi(['--tour'], (ui) => inBrowser(ui, async (page) => {
    await start(page, 'Two images and a container');
    const title = page.locator('.tour h3');
    await title.filter({ hasText: 'Two branches, one union' }).waitFor();
    await page.locator(row('/003')).waitFor();
    expect(await page.locator('.slab .label').allTextContents()).toEqual(['image1', 'image2']);
    expect(await next(page)).toBe('001\n002\n003');
    expect(await next(page)).toBe('image1\nimage2');
    await page.locator(`${chip(1, '/002')}.hidden.looked`).waitFor();
    await take(page, 'union');
    await next(page);
    await next(page);
    await page.locator(`${chip(0, '/003')}.seen.looked`).waitFor();
    await page.locator(`${row('/003')} .size`).filter({ hasText: '17 B' }).waitFor();
    await take(page, 'copy-up');
    await page.click(row('/002'));
    await page.locator('.plan').nth(3).waitFor();
    await take(page, 'explain');
    await page.keyboard.press('Escape');
    await next(page);
    await page.locator(`${chip(0, '/002')}.whiteout.looked`).waitFor();
    await take(page, 'whiteout');
    await next(page);
    await page.locator(`${chip(0, '/002')}.is-opaque.looked`).waitFor();
    await events(page, 6);
    await take(page, 'opaque');
    expect(await next(page)).toMatch(/Read-only file system$/);
    await page.locator('.slab.readonly').nth(1).waitFor();
    await next(page);
    await page.locator('.slab.writable').nth(1).waitFor();
    await page.locator(`${row('/004')}.looked`).waitFor();
    expect(await page.locator('button:has-text("Next")').count()).toBe(0);

    for (const expected of ['All branches read-only', 'A directory where something was: opaque', 'A delete: whiteout']) {
      await page.click('button:has-text("Back")');
      await title.filter({ hasText: expected }).waitFor();
      if (expected === 'All branches read-only') await page.locator('.slab.readonly').nth(1).waitFor();
    }
    await page.locator(`${chip(0, '/002')}.whiteout.looked`).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(['001', '-002', '003']);
    await page.click('.progress li:last-child button');
    const { mountpoint } = await ui.union('union=tour');
    await page.click('button:has-text("Done")');
    await page.locator('.lesson').first().waitFor();
    await until(() => !existsSync(mountpoint!));
  }, size)));

  test('a container’s reads and writes, in two pages at once', () => withUi(['--tour'], (ui) => inBrowser(ui, async (page) => {
    await start(page, 'A container’s reads and writes');
    const steps = await page.locator('.progress li').count();
    const titles: string[] = [];
    // By keyboard: a new step is read from its title on, and the button keeps the focus.
    await page.focus('.tour-buttons .primary');
    await page.keyboard.press('Enter');
    await page.locator('.tour h3:focus').filter({ hasText: 'Read: a file that only the image has' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.locator('.primary:focus').filter({ hasText: 'Run it' }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.output').filter({ hasText: 'hosts of base' }).waitFor();
    await page.locator('.primary:focus').filter({ hasText: 'Next' }).waitFor();
    for (let step = 2; step < steps - 1; step++) {
      await next(page);
      titles.push(await page.locator('.tour h3').innerText());
      if (step !== 3) continue;
      await page.locator(`${chip(0, '/etc/motd')}.seen.looked`).waitFor();
      await page.locator(`${row('/etc/motd')} .size`).filter({ hasText: '37 B' }).waitFor();
      await take(page, 'container');
    }
    expect(titles).toContain('Rename a directory: EXDEV');
    await page.locator(`${row('/etc')}.gone`).waitFor();
    await expect.poll(() => rows(page), patience).toEqual(expect.arrayContaining(['conf', 'data', 'docs', '-etc', 'run.log']));
    // A second page comes later, goes on, and both know of it.
    const second = await page.context().newPage();
    await second.goto(`http://127.0.0.1:${ui.port}`);
    await second.locator('.tour h3').filter({ hasText: 'mv(1) copies instead' }).waitFor();
    await expect.poll(() => rows(second), patience).toEqual(await rows(page));
    expect(await next(second)).toContain('D /etc');
    await page.bringToFront();
    await page.click('button:has-text("Next")');
    await page.locator('.output').filter({ hasText: 'D /etc' }).waitFor();
    await page.click('button:has-text("Done")');
    await second.locator('.lesson').first().waitFor();
  }, size)));
});
