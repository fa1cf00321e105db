// The pictures of docs/learn.md, taken along the tour.
import path from 'node:path';
import type { Page as BrowserPage } from 'playwright-core';
import { inBrowser, row } from './browser.js';
import { withUi } from './page.js';

/** After which step of the lesson "Two images and a container" each is taken. */
const twoImages = new Map([[2, 'learn-union'], [4, 'learn-copy-up'], [5, 'learn-whiteout'], [6, 'learn-opaque'], [7, 'learn-read-only']]);

/** Returns the files. */
export async function takePictures(directory: string): Promise<string[]> {
  const taken: string[] = [];
  const take = async (page: BrowserPage, name: string): Promise<void> => {
    const file = path.join(directory, `${name}.png`);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: file, animations: 'disabled' });
    taken.push(file);
  };
  await withUi(['--tour'], (ui) => inBrowser(ui, async (page) => {
    await start(page, 'Two images and a container');
    for (let step = 1; step <= 7; step++) {
      await next(page);
      const name = twoImages.get(step);
      if (name !== undefined) await take(page, name);
      if (step === 4) {
        await page.click(row('/002'));
        await page.locator('.plan').first().waitFor();
        await take(page, 'learn-explain');
        await page.keyboard.press('Escape');
      }
    }
    await page.click('button:has-text("End the tour")');
    await start(page, 'A container’s reads and writes');
    for (let step = 1; step <= 3; step++) await next(page);
    await take(page, 'learn-container');
  }, { viewport: { width: 1180, height: 640 }, colorScheme: 'light' }));
  return taken;
}

async function start(page: BrowserPage, lesson: string): Promise<void> {
  await page.locator('.lesson').filter({ hasText: lesson }).getByRole('button', { name: 'Start' }).click();
  await page.locator('.progress').waitFor();
}

/** The next step, done, and what it changed as the server tells it. */
async function next(page: BrowserPage): Promise<void> {
  await page.click('button:has-text("Next")');
  await page.click('button:has-text("Run it")');
  await page.locator('.output').waitFor();
  await page.locator('.tour[aria-busy=false]').waitFor();
  await page.waitForTimeout(600);
}
