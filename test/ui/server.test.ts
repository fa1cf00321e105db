// Who is let in, and who is refused.
import net from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { mounted } from '../helpers/mounted.js';
import { because, noRootMount } from '../helpers/process.js';
import { Page, withProgram, withUi, type Answer, type Ask } from './page.js';

const reason = noRootMount();

const fill = (root: string): void => {
  mkdirSync(path.join(root, 'lower/d'));
  writeFileSync(path.join(root, 'lower/secret'), '');
};

const json = { 'content-type': 'application/json' };

describe.skipIf(reason !== undefined)(`the server of tsaufs ui${because(reason)}`, () => {
  test('the token works once, and gives a cookie; without it nothing is told', () => mounted({ fill }, (union) => withProgram(['ui', union.mnt], async (ui) => {
    const stranger = new Page(ui.port, ui.token);
    for (const place of ['/', '/page.js', '/api/union', '/api/directory?path=/', '/api/explain?path=/secret', '/api/events', '/nowhere']) {
      const refused = await stranger.ask(place);
      expect([place, refused.status]).toEqual([place, 401]);
      expect(refused.body).not.toContain('lower');
    }
    expect((await stranger.ask('/api/tour', { method: 'POST', headers: json, body: '{"action":"end"}' })).status).toBe(401);
    for (const token of ['', 'x', ui.token.slice(1), `${ui.token.slice(0, -1)}${ui.token.endsWith('A') ? 'B' : 'A'}`]) {
      const wrong = await stranger.ask(`/?token=${token}`);
      expect([wrong.status, wrong.body]).toEqual([403, 'tsaufs: this address is not valid; run tsaufs ui again for another\n']);
    }

    const entered = await ui.enter();
    expect([entered.status, entered.headers.location]).toEqual([303, '/']);
    expect(entered.headers['set-cookie']).toEqual([expect.stringMatching(
      new RegExp(`^tsaufs-ui-${ui.port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`)) as string]);
    const page = await ui.ask('/');
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect((await ui.union()).mountpoint).toBe(union.mnt);

    const again = await stranger.ask(`/?token=${ui.token}`);
    expect([again.status, again.headers['set-cookie']]).toEqual([403, undefined]);
    expect(again.body).toBe('tsaufs: this address has been used; run tsaufs ui again for another\n');
    // Shown again in the same browser it leads to the page.
    expect((await ui.ask(`/?token=${ui.token}`)).status).toBe(303);
    const value = ui.cookie!.split('=')[1];
    for (const cookie of [`tsaufs-ui-${ui.port}=`, `tsaufs-ui-${ui.port}=${value}x`, `tsaufs-ui-${ui.port}=${ui.token}`, `tsaufs-ui-1=${value}`, value]) {
      expect([cookie, (await stranger.ask('/api/union', { headers: { cookie } })).status]).toEqual([cookie, 401]);
    }
    expect((await stranger.ask('/api/union', { headers: { cookie: `a=b; ${ui.cookie!}; c` } })).status).toBe(200);
  })));

  test('other hosts, other origins and forms are refused, with the cookie too', () => withUi(['--tour'], async (ui) => {
    const own = `http://127.0.0.1:${ui.port}`;
    const status = async (headers: Record<string, string>, ask: Ask = {}): Promise<number> => (await ui.ask('/api/union', { ...ask, headers })).status;
    const hosts = { 'localhost': 421, '127.0.0.1': 421, 'evil.example': 421, [`evil.example:${ui.port}`]: 421, [`127.0.0.1:${ui.port + 1}`]: 421,
      [`127.0.0.1.evil.example:${ui.port}`]: 421, [`[::1]:${ui.port}`]: 421, [`127.0.0.1:${ui.port}`]: 200, [`localhost:${ui.port}`]: 200 };
    for (const [host, expected] of Object.entries(hosts)) expect([host, await status({ host })]).toEqual([host, expected]);
    const origins = { 'http://evil.example': 403, 'null': 403, 'http://127.0.0.1': 403, [`http://127.0.0.1:${ui.port + 1}`]: 403,
      [`https://127.0.0.1:${ui.port}`]: 403, [`http://localhost:${ui.port}`]: 403, [own]: 200 };
    for (const [origin, expected] of Object.entries(origins)) expect([origin, await status({ origin })]).toEqual([origin, expected]);
    const sites = { 'cross-site': 403, 'same-site': 403, 'same-origin': 200, 'none': 200 };
    for (const [site, expected] of Object.entries(sites)) expect([site, await status({ 'sec-fetch-site': site })]).toEqual([site, expected]);
    // A page of another site that knows the token cannot make its browser enter.
    expect((await ui.ask(`/?token=${ui.token}`, { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);

    const post = async (headers: Record<string, string>, body = '{"action":"end"}'): Promise<number> =>
      (await ui.ask('/api/tour', { method: 'POST', headers, body })).status;
    expect(await post({ 'content-type': 'application/x-www-form-urlencoded' })).toBe(415);
    expect(await post({ 'content-type': 'text/plain' })).toBe(415);
    expect(await post({ 'content-type': 'application/jsonp' })).toBe(415);
    expect(await post({})).toBe(415);
    expect(await post({ ...json, origin: 'http://evil.example' })).toBe(403);
    expect(await post({ ...json, host: 'evil.example' })).toBe(421);
    expect(await post({ 'content-type': 'application/json; charset=utf-8', origin: own })).toBe(200);
    for (const body of ['', 'null', '[]', '{"action":"run","command":"id"}', '{"action":"step"}', '{"action":"start","lesson":1}', '{']) {
      expect([body, await post(json, body)]).toEqual([body, 400]);
    }
    expect(await post(json, '{"action":"start","lesson":"../x"}')).toBe(404);
    expect(await post(json, '{"action":"step","step":1}')).toBe(409);
    expect(await post(json, `{"action":"end","more":"${'x'.repeat(5000)}"}`)).toBe(413);
  }));

  test('only what there is: methods, files, paths', () => mounted({ fill }, (union) => withUi([union.mnt], async (ui) => {
    const ask = async (place: string, more: Ask = {}): Promise<number> => (await ui.ask(place, more)).status;
    for (const [place, method] of [['/api/union', 'POST'], ['/', 'POST'], ['/api/tour', 'GET'], ['/api/union', 'DELETE'], ['/', 'OPTIONS'], ['/api/events', 'HEAD']]) {
      expect([place, method, await ask(place, { method, headers: json })]).toEqual([place, method, 405]);
    }
    expect(await ask('/', { method: 'HEAD' })).toBe(200);
    for (const place of ['/index.html', '/../package.json', '/%2e%2e/package.json', '/..%2f..%2fcli/main.js', '//etc/passwd', '/page.js/', '/page.js%00', '/api', '/api/',
      '/constructor', 'http://127.0.0.1/']) {
      expect([place, await ask(place)]).toEqual([place, 404]);
    }
    for (const [query, status] of [['path=/..', 400], ['path=/d/../secret', 400], ['path=d', 400], ['path=', 400], ['path=/%00', 400], ['path=/d%0A', 404],
      [`path=/${'x'.repeat(5000)}`, 400], [`path=/${'x'.repeat(300)}`, 404], ['path=/nothing', 404], ['path=/secret', 404], ['path=/.wh.d', 404],
      ['path=/d&union=tour', 404], ['path=//d/.', 200], ['', 200]] as const) {
      expect([query, await ask(`/api/directory?${query}`)]).toEqual([query, status]);
    }
    expect(await ui.json('/api/explain?path=/.wh.d')).toMatchObject({ error: 'EPERM' });
    expect(await ask('/api/explain?path=/d/../..')).toBe(400);
    expect(JSON.parse((await ui.ask('/api/directory?path=/nothing')).body)).toEqual({ error: 'the union shows no directory /nothing' });
    const whole = await raw(ui.port, 'GET / HTTP/1.1\r\n\r\n');
    expect(whole).toMatch(/^HTTP\/1.1 400 /);
  })));

  test('every answer keeps the page to itself', () => withUi(['--tour'], async (ui) => {
    const answers: Answer[] = [];
    for (const place of ['/', '/page.js', '/api/union', '/nowhere']) answers.push(await ui.ask(place));
    answers.push(await ui.ask('/api/union', { headers: { host: 'evil.example' } }));
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'content-security-policy': expect.stringMatching(/^default-src 'self'; .*frame-ancestors 'none'/) as string,
        'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin', 'cache-control': 'no-store',
      });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
    const { body } = answers[0];
    expect(body).not.toMatch(/https?:/);
    expect(body).not.toMatch(/<script(?![^>]* src=)|<style| style=| on[a-z]+=/);
  }));

  test('listens on 127.0.0.1 only', () => withUi(['--tour'], async (ui) => {
    await expect(raw(ui.port, '', '::1')).rejects.toThrow(/ECONNREFUSED|EADDRNOTAVAIL|EAFNOSUPPORT/);
    await expect(raw(ui.port, '', '127.0.0.2')).rejects.toThrow('ECONNREFUSED');
  }));
});

/** What comes back for these bytes. */
function raw(port: number, bytes: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', reject).on('close', () => resolve(text));
    socket.write(bytes);
  });
}
