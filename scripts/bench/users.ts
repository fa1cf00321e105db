import { readFileSync } from 'node:fs';
import type { User } from './command.js';

/**
 * Whom `--user [NAME]` means. Who is not root can only be himself.
 * @returns undefined for root
 */
export function chooseUser(wanted: string | true | undefined): User | undefined {
  const uid = process.geteuid!();
  if (uid !== 0) {
    const self = findUser((entry) => entry.uid === uid) ?? { name: String(uid), uid, gid: process.getegid!() };
    if (typeof wanted === 'string' && wanted !== self.name) throw new Error(`only root can run this as ${wanted}`);
    return self;
  }
  if (wanted === undefined) return undefined;
  const name = wanted === true ? process.env['SUDO_USER'] ?? 'nobody' : wanted;
  const user = findUser((entry) => entry.name === name);
  if (user === undefined) throw new Error(`there is no user ${name}`);
  if (user.uid === 0) throw new Error('root is no ordinary user; without --user all is done as root');
  return user;
}

function findUser(matches: (user: User) => boolean): User | undefined {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line): User => {
    const [name, , uid, gid] = line.split(':');
    return { name, uid: Number(uid), gid: Number(gid) };
  });
  return users.find(matches);
}
