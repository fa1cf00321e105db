// A mounted union looked at from outside its process: by the branches and options that it has at the moment.

import { InspectError } from '../inspect/error.js';
import { type Look, openLook } from '../inspect/look.js';
import { parseMountOptions } from '../options/mount.js';
import type { UnionOptions } from '../union/options.js';
import { listMounts } from './list.js';
import { mountAt } from './mount-table.js';

/** @throws InspectError, UnionError */
export function lookAtMount(mountpoint: string): Look {
  return openLook(optionsInForce(mountpoint), mountAt(mountpoint)?.device);
}

/**
 * @param mountpoint as resolveMountpoint() gives it
 * @throws InspectError where it is not for this user to look at
 */
export function optionsInForce(mountpoint: string): UnionOptions {
  const mount = listMounts().find((each) => each.mountpoint === mountpoint && each.status === 'running');
  if (mount === undefined) throw new InspectError(`the union on ${mountpoint} is not yours to look at, or its process is gone; see tsaufs list`);
  return parseMountOptions([mount.options], '/').union;
}
