// The page of `tsaufs ui` in Debian's chromium. What must hold on every page is checked on every page: no errors, and no
// request to another host.
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page as BrowserPage } from 'playwright-core';
import { expect } from 'vitest';
import { mounted, type Mounted, type Setup } from '../helpers/mounted.js';
import { noRootMount } from '../helpers/process.js';
import { type Ui, withUi } from './page.js';

const program = '/usr/bin/chromium';

/** Why it cannot be looked at here; undefined where it can. */
export function noBrowser(): string | undefined {
  return existsSync(program) ? noRootMount() : `${program} is not installed`;
}

let browser: Browser | undefined;

/** One for all tests of a file. */
export async function openBrowser(): Promise<void> {
  browser = await chromium.launch({
    executablePath: program,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--disable-dev-shm-usage',
    ],
  });
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
}

/** Opens the page with the cookie that `ui` has; nothing moves unless `reducedMotion` says otherwise. */
export async function inBrowser(ui: Ui, use: (page: BrowserPage) => Promise<void>, options: BrowserContextOptions = {}): Promise<void> {
  const origin = `http://127.0.0.1:${ui.port}`;
  const context = await browser!.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
  const asked: string[] = [];
  const errors: string[] = [];
  try {
    const [name, value] = ui.cookie!.split('=');
    await context.addCookies([{ name, value, domain: '127.0.0.1', path: '/', httpOnly: true, sameSite: 'Strict' }]);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('request', (request) => asked.push(request.url()));
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !isOfEnd(message.text())) errors.push(message.text()); });
    await page.goto(origin);
    await use(page);
  } finally {
    await context.close();
  }
  expect(errors).toEqual([]);
  expect(asked.filter((url) => !url.startsWith(`${origin}/`))).toEqual([]);
  expect(asked).toContain(`${origin}/page.js`);
}

/** The browser's own remark where a test ends the server. */
function isOfEnd(text: string): boolean {
  return /net::ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)/.test(text);
}

type Use = (page: BrowserPage, union: Mounted, ui: Ui) => Promise<void>;

/** Mounts a union, and opens its page; the root of the union is shown. */
export function onPage(setup: Setup, use: Use, options?: BrowserContextOptions): Promise<void> {
  return mounted(setup, (union) => withUi([union.mnt], (ui) => live(union, ui, use, options)));
}

function live(union: Mounted, ui: Ui, use: Use, options?: BrowserContextOptions): Promise<void> {
  return inBrowser(ui, async (page) => {
    await page.locator('.connection.live').waitFor();
    await use(page, union, ui);
  }, options);
}

export interface Shared {
  /** In a page of its own. */
  look(use: Use, options?: BrowserContextOptions): Promise<void>;
  end(): Promise<void>;
}

/** {@link onPage} for several tests, which leave the union as it is. */
export async function share(setup: Setup): Promise<Shared> {
  let end = (): void => undefined;
  const wanted = new Promise<void>((resolve) => { end = resolve; });
  let begun: (look: Shared['look']) => void;
  const looking = new Promise<Shared['look']>((resolve) => { begun = resolve; });
  const all = mounted(setup, (union) => withUi([union.mnt], (ui) => {
    begun((use, options) => live(union, ui, use, options));
    return wanted;
  }));
  const look = await Promise.race([looking, all.then(() => { throw new Error('the union has ended'); })]);
  return { look, end: () => { end(); return all; } };
}

/** The row of a path in the merged view. */
export function row(path: string): string {
  return `[data-row="${path}"]`;
}

/** What a branch has of a path, in the layers. */
export function chip(branch: number, path: string): string {
  return `[data-chip="${branch}:${path}"]`;
}

/** The names in the merged view, those that are struck through with a dash before them. */
export function rows(page: BrowserPage): Promise<string[]> {
  return page.locator('.row').evaluateAll((all) =>
    all.map((each) => `${each.classList.contains('gone') ? '-' : ''}${each.querySelector('.name')?.textContent ?? ''}`));
}
