// What `dockerd --storage-opt` can say, and what a layer is mounted with.

import { existsSync } from 'node:fs';
import { branchMode } from '../../options/branch.js';
import { OptionError } from '../../options/error.js';
import { foldMount, type ParsedMount } from '../../options/mount.js';
import { parseOptions } from '../../options/parse.js';
import type { Setting } from '../../options/settings.js';
import { DriverError } from './error.js';

/**
 * The mount options that `--storage-opt [tsaufs.]mountopt=OPTIONS` adds.
 * @param options as dockerd hands them on, each `name=value`
 * @throws DriverError
 */
export function storageOptions(options: readonly string[]): string[] {
  return options.map((option) => {
    const value = /^(?:tsaufs\.)?mountopt=(.+)$/s.exec(option)?.[1];
    if (value === undefined) {
      throw new DriverError(`--storage-opt ${option}: there is only mountopt, as in --storage-opt tsaufs.mountopt=udba=none`);
    }
    checkMountOptions(value);
    return value;
  });
}

function checkMountOptions(text: string): void {
  try {
    const settings = parseOptions([text], () => undefined);
    const about = settings.find(({ kind }) => kind !== 'union' && kind !== 'mount' && kind !== 'note');
    if (about !== undefined) throw new OptionError('branches and single actions are for the driver to name');
    if (settings.some((each) => each.kind === 'mount' && each.set.readonly)) throw new OptionError('containers need to write');
  } catch (error) {
    if (error instanceof OptionError) throw new DriverError(`--storage-opt tsaufs.mountopt=${text}: ${error.message}`);
    throw error;
  }
}

/**
 * A container's file system, with the options that Docker gave to AUFS (`br:DIFF=rw:LAYER=ro+wh…,dio,xino=…,dirperm1`).
 * @param diff the layer's own directory, which is written to
 * @param below the directories of the layers below it, from the top down
 * @param more of {@link storageOptions}
 */
export function containerMount(diff: string, below: readonly string[], more: readonly string[]): ParsedMount {
  const warnings: string[] = [];
  const settings: Setting[] = [
    {
      kind: 'branches',
      branches: [
        { path: diff, mode: branchMode('rw') },
        ...below.map((path) => ({ path, mode: { ...branchMode('ro'), wh: true } })),
      ],
    },
    // Users in the container are not the one who mounted.
    { kind: 'mount', set: { allowOther: true } },
    { kind: 'union', set: { dio: true, dirperm1: true, ...(existsSync('/dev/shm') ? { xino: '/dev/shm/aufs.xino' } : {}) } },
    ...parseOptions(more, (warning) => warnings.push(warning)),
  ];
  return foldMount(settings, warnings, '/');
}
