import type { IdRange } from './owner.js';

/** What Docker told the driver, and who uses which layer: enough to go on where another process of the driver ended. */
export interface DriverState {
  home: string;
  options: string[];
  uidMaps: IdRange[];
  gidMaps: IdRange[];
  /** How often each layer was got and not put back. */
  references: Record<string, number>;
  /** Layers that an archive has begun to fill, and that do not have all of it. */
  unfinished: string[];
}

/** Where the state is kept while the driver does not run. */
export interface StateKeeper {
  load(): DriverState | undefined;
  /** undefined: there is nothing to be kept any more. */
  save(state: DriverState | undefined): void;
}
