import { setTimeout as sleep } from 'node:timers/promises';
import { command } from '../command.js';
import type { Place } from '../place.js';

const attempts = 50;

/** Unmounts, also what a program that has just ended still holds. */
export async function unmount({ directory, mountpoint, user }: Place): Promise<void> {
  const [program, args] = user === undefined ? ['umount', []] as const : ['fusermount3', ['-u']] as const;
  for (let attempt = 1; ; attempt++) {
    try {
      await command(program, [...args, `${directory}/${mountpoint}`], { user });
      return;
    } catch (error) {
      if (attempt === attempts) throw error;
      await sleep(20);
    }
  }
}
