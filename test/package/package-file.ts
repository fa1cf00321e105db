// What npm.test.ts and deb.test.ts need of npm: the packed file, and Node.js in other versions, as the registry has them.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, renameSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { found, project, succeed } from '../helpers/process.js';

/** Packs dist/ as it is. Returns the file's path. */
export async function pack(directory: string): Promise<string> {
  return (await succeed(path.join(project, 'scripts/pack'), ['--built', directory], { cwd: project, env: npmSettings() })).trim();
}

/** A node of that major version: this one, or the registry's, whose archive npm keeps for the next time. Returns the file. */
export async function nodeOf(major: number, directory: string): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const archive = await succeed('npm', ['pack', '--silent', `node-linux-${process.arch}@${major}`, '--pack-destination', directory],
    { env: { ...npmSettings(), npm_config_prefer_offline: 'true' } });
  const node = path.join(directory, `node-${major}`);
  await succeed('tar', ['-xzf', path.join(directory, archive.trim().split('\n').at(-1)!), '-C', directory, 'package/bin/node']);
  renameSync(path.join(directory, 'package/bin/node'), node);
  return node;
}

/**
 * A directory for PATH of a machine with nothing but Node.js, npm and a shell: no compiler, no git.
 * @param commands more of this machine's that are there
 */
export function barePath(directory: string, node: string, commands: readonly string[] = []): string {
  mkdirSync(directory);
  symlinkSync(node, path.join(directory, 'node'));
  symlinkSync(realpathSync(which('npm')), path.join(directory, 'npm'));
  for (const command of ['sh', 'env', ...commands]) symlinkSync(which(command), path.join(directory, command));
  return directory;
}

/** Where npm gets packages from and keeps them, whatever HOME is. */
export function npmSettings(): NodeJS.ProcessEnv {
  const setting = (name: string): string => execFileSync('npm', ['config', 'get', name], { encoding: 'utf8' }).trim();
  settings ??= { npm_config_registry: setting('registry'), npm_config_cache: setting('cache'), npm_config_update_notifier: 'false' };
  return settings;
}

let settings: NodeJS.ProcessEnv | undefined;

export const noNpm = found('npm') ? undefined : 'no npm';

function which(command: string): string {
  const directory = (process.env['PATH'] ?? '').split(':').find((each) => existsSync(path.join(each, command)));
  if (directory === undefined) throw new Error(`no ${command}`);
  return path.join(directory, command);
}
