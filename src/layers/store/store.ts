import { existsSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { geteuid } from '../../posix/credentials.js';
import { ImageError } from '../image-error.js';
import { readText, reason, writeWhole } from './files.js';
import { StorePaths } from './paths.js';

/** Tells a store of ours from Docker's own directory, in which nothing may be changed. */
const markFile = 'tsaufs-store.json';
const mark = '{"version":1}';

/** A store of images that is written to: the layout is Docker's. */
export class ImageStore {
  readonly paths: StorePaths;

  private constructor(readonly root: string) {
    this.paths = new StorePaths(root);
  }

  /** Where a user's images are, and root's. */
  static defaultRoot(): string {
    if (geteuid() === 0) return '/var/lib/tsaufs';
    const data = process.env['XDG_DATA_HOME'];
    return path.join(data !== undefined && path.isAbsolute(data) ? data : path.join(homedir(), '.local/share'), 'tsaufs');
  }

  /** @throws ImageError where there is none */
  static open(root: string): ImageStore {
    if (!existsSync(root)) throw new ImageError(`there are no images yet: ${root} does not exist; tsaufs image import makes it`);
    checkMark(root);
    // As mounts name their branches.
    return new ImageStore(realpathSync(root));
  }

  /**
   * Makes it where there is none.
   * @throws ImageError where something else is there
   */
  static openOrCreate(root: string): ImageStore {
    if (!existsSync(root) || isEmpty(root)) create(root);
    return ImageStore.open(root);
  }

  /** For the time of an import: emptied by the next one if a crash leaves something. */
  get temporary(): string {
    return path.join(this.root, 'tmp');
  }

  get lockFile(): string {
    return path.join(this.root, 'lock');
  }
}

function checkMark(root: string): void {
  const text = readText(path.join(root, markFile));
  if (text === mark) return;
  if (text !== undefined) throw new ImageError(`${root} was made by a later version of tsaufs`);
  throw new ImageError(existsSync(path.join(root, 'image'))
    ? `${root} is Docker's; read it with tsaufs docker inspect --root ${root}, and write --store DIRECTORY for another`
    : `${root} is not a store of tsaufs; write --store DIRECTORY for an empty one, or one that does not exist`);
}

function isEmpty(root: string): boolean {
  return statSync(root).isDirectory() && readdirSync(root).length === 0;
}

function create(root: string): void {
  const paths = new StorePaths(root);
  const make = (directory: string, mode: number): unknown => mkdirSync(directory, { recursive: true, mode });
  try {
    make(root, 0o710);
    make(path.join(root, 'tmp'), 0o700);
    for (const name of ['diff', 'layers', 'mnt']) make(path.join(root, paths.driver, name), 0o710);
    make(path.join(root, 'image'), 0o700);
    for (const directory of [paths.config(), paths.metadata(), paths.layer(), paths.mount(), paths.unfinishedLayers,
      path.join(paths.images, 'distribution', 'diffid-by-digest', 'sha256'),
      path.join(paths.images, 'distribution', 'v2metadata-by-diffid', 'sha256')]) make(directory, 0o700);
    writeWhole(path.join(root, 'lock'), '', 0o600);
    if (!existsSync(paths.repositories)) writeWhole(paths.repositories, '{"Repositories":{}}', 0o600);
    // Last: what has it is complete.
    writeWhole(path.join(root, markFile), mark, 0o644);
  } catch (error) {
    throw error instanceof ImageError ? error : new ImageError(`${root} cannot be made: ${reason(error)}`);
  }
}
