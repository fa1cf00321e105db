import { sendDatagram } from '../posix/datagram.js';
import { errnoText } from '../posix/errno.js';
import { nameFromText } from '../posix/name.js';
import type { Log } from './log.js';

/** Tells systemd, where it waits for that (systemd.service(5), Type=notify; sd_notify(3)), that the union is mounted. */
export function notifySystemd(mountpoint: string, log: Log): void {
  const socket = process.env['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return;
  const sent = sendDatagram(nameFromText(socket), nameFromText(`READY=1\nSTATUS=mounted on ${mountpoint.replaceAll('\n', '?')}\n`));
  if (sent < 0) log('warn', 'systemd was not told that the union is mounted', { error: errnoText(-sent) });
}
