// Docker's graph driver for layers in AUFS's form. Each union is a process of its own: the driver may end, and another one
// goes on with what it finds mounted. What Docker's own aufs driver did, decides.

import type { Readable } from 'node:stream';
import type { Log } from './log.js';
import { applyLayer } from '../apply.js';
import { DriverError } from './error.js';
import { KeyedLock } from './keyed-lock.js';
import { contentSize, listChanges, openDiff, type Change } from './layer-diff.js';
import type { Mounter } from './mounter.js';
import { containerMount, storageOptions } from './options.js';
import { entryToContainer, entryToHost, toHost, type IdRange } from './owner.js';
import type { DriverState, StateKeeper } from './state.js';
import { backingFileSystem } from './backing.js';
import { LayerStore } from './store.js';

export interface InitRequest {
  home: string;
  options: readonly string[];
  uidMaps: readonly IdRange[];
  gidMaps: readonly IdRange[];
}

export interface CreateRequest {
  id: string;
  /** '': no layer below it. */
  parent: string;
  mountLabel: string;
  storageOptions: Readonly<Record<string, string>>;
}

export class GraphDriver {
  private readonly lock = new KeyedLock();
  private state: DriverState | undefined;
  private opened: LayerStore | undefined;

  /** Goes on with what `keeper` has of a driver before. */
  constructor(private readonly mounter: Mounter, private readonly keeper: StateKeeper, private readonly log: Log) {
    const state = keeper.load();
    if (state !== undefined) this.use(state);
  }

  /** Docker begins: who used a layer before has ended, or lives on in a union that is still mounted. */
  async init(request: InitRequest): Promise<void> {
    const { home, options, uidMaps, gidMaps } = request;
    if (!home.startsWith('/')) throw new DriverError(`the store's directory must be absolute, and is ${JSON.stringify(home)}`);
    storageOptions(options);
    const state: DriverState = { home, options: [...options], uidMaps: [...uidMaps], gidMaps: [...gidMaps], references: {}, unfinished: [] };
    const store = storeOf(state);
    await store.prepare();
    if (this.state !== undefined && this.state.home !== home) this.log('warn', 'Docker uses another store now', { before: this.state.home, now: home });
    this.use(state);
    this.keep();
    this.log('info', 'Docker uses the store', { home });
  }

  async create(request: CreateRequest): Promise<void> {
    const given = Object.keys(request.storageOptions);
    if (given.length > 0) throw new DriverError(`--storage-opt is not supported for a container (${given.join(', ')})`);
    refuseLabel(request.mountLabel);
    await this.lock.run(request.id, () => this.store.create(request.id, request.parent));
  }

  async remove(id: string): Promise<void> {
    await this.lock.run(id, async () => {
      await this.unmount(id);
      await this.store.remove(id);
      this.count(id, 0);
      this.endFilling(id);
    });
  }

  /** Mounts a layer on those below it. Returns the path where it is seen. */
  async get(id: string, mountLabel: string): Promise<string> {
    refuseLabel(mountLabel);
    return this.lock.run(id, async () => {
      const { store } = this;
      const parents = await store.parents(id);
      // Nothing to unite.
      if (parents.length === 0) return store.diff(id);
      const mountpoint = store.mountpoint(id);
      const mounted = await this.mounter.look(mountpoint);
      if (mounted === 'other') throw new DriverError(`${mountpoint} has a mount that is not tsaufs's`);
      const users = this.users(id, mounted === 'union');
      if (mounted === 'dead') {
        this.log('warn', 'the process of a union is gone; it is mounted anew', { mountpoint });
        await this.mounter.unmount(mountpoint);
      }
      if (mounted !== 'union') {
        const options = containerMount(store.diff(id), parents.map((each) => store.diff(each)), storageOptions(this.current.options));
        await this.mounter.mount(mountpoint, options);
      }
      this.count(id, users + 1);
      return mountpoint;
    });
  }

  /** The last user of a layer unmounts it. */
  async put(id: string): Promise<void> {
    await this.lock.run(id, async () => {
      const mounted = await this.mounter.look(this.store.mountpoint(id));
      const users = this.users(id, mounted === 'union') - 1;
      if (users <= 0) await this.unmount(id);
      this.count(id, Math.max(users, 0));
    });
  }

  exists(id: string): Promise<boolean> {
    return this.store.exists(id);
  }

  async status(): Promise<[name: string, value: string][]> {
    const { store } = this;
    return [
      ['Root Dir', store.home],
      ['Backing Filesystem', backingFileSystem(store.home)],
      ['Dirs', String((await store.ids()).length)],
      ['Dirperm1 Supported', 'true'],
    ];
  }

  /** Shown by `docker inspect`. */
  async metadata(id: string): Promise<Record<string, string>> {
    const { store } = this;
    const parents = await store.parents(id);
    return {
      DiffDir: store.diff(id),
      ...(parents.length === 0 ? {} : { LowerDirs: parents.map((each) => store.diff(each)).join(':'), MergedDir: store.mountpoint(id) }),
    };
  }

  /** Docker ends. */
  async cleanup(): Promise<void> {
    for (const id of await this.store.ids()) {
      await this.lock.run(id, () => this.unmount(id)).catch((error: unknown) => {
        this.log('error', 'a union could not be unmounted', { id, error: (error as Error).message });
      });
    }
    this.current.references = {};
    this.keeper.save(undefined);
    this.log('info', 'Docker has ended', { home: this.store.home });
  }

  /** What a layer adds to the one below it, as an archive. */
  async diff(id: string, parent: string): Promise<Readable> {
    await this.settle(id);
    const maps = this.current;
    return openDiff(await this.chain(id, parent), this.store.home, { mapEntry: (entry) => entryToContainer(entry, maps) });
  }

  async changes(id: string, parent: string): Promise<Change[]> {
    await this.settle(id);
    return listChanges(await this.chain(id, parent), this.store.home);
  }

  /** Bytes. */
  async diffSize(id: string, parent: string): Promise<number> {
    const { own } = await this.chain(id, parent);
    return own.reduce((sum, directory) => sum + contentSize(directory), 0);
  }

  /** Adds what an archive has to a layer. Returns its size in bytes. */
  async applyDiff(id: string, parent: string, archive: Readable): Promise<number> {
    const { own } = await this.chain(id, parent);
    if (own.length !== 1) throw new DriverError(`the layer ${id} is not directly above ${parent || 'nothing'}`);
    return this.lock.run(id, async () => {
      const maps = this.current;
      this.beginFilling(id);
      await applyLayer(archive, own[0], {
        into: true,
        mapEntry: (entry) => entryToHost(entry, maps),
        onWarning: (message) => this.log('warn', message, { id }),
      });
      this.endFilling(id);
      return contentSize(own[0]);
    });
  }

  private get current(): DriverState {
    if (this.state === undefined) throw new DriverError('Docker has not called GraphDriver.Init yet');
    return this.state;
  }

  private get store(): LayerStore {
    if (this.opened === undefined) throw new DriverError('Docker has not called GraphDriver.Init yet');
    return this.opened;
  }

  private use(state: DriverState): void {
    this.state = state;
    this.opened = storeOf(state);
  }

  private keep(): void {
    this.keeper.save(this.state);
  }

  /** A union that nobody is known to use was mounted for somebody whom a driver before, or a Docker before, knew. */
  private users(id: string, mounted: boolean): number {
    return this.current.references[id] ?? (mounted ? 1 : 0);
  }

  private count(id: string, users: number): void {
    const { references } = this.current;
    if ((references[id] ?? 0) === users) return;
    if (users === 0) Reflect.deleteProperty(references, id);
    else references[id] = users;
    this.keep();
  }

  /**
   * Docker that had no answer sends what it has not sent yet, and would take that for the whole archive. It removes a layer
   * that could not be filled.
   */
  private beginFilling(id: string): void {
    const { unfinished } = this.current;
    if (unfinished.includes(id)) throw new DriverError(`the layer ${id} has a part of an archive already; remove it`);
    unfinished.push(id);
    this.keep();
  }

  private endFilling(id: string): void {
    const { current } = this;
    if (!current.unfinished.includes(id)) return;
    current.unfinished = current.unfinished.filter((each) => each !== id);
    this.keep();
  }

  private async unmount(id: string): Promise<void> {
    const mountpoint = this.store.mountpoint(id);
    const mounted = await this.mounter.look(mountpoint);
    if (mounted === 'union' || mounted === 'dead') await this.mounter.unmount(mountpoint);
  }

  private async settle(id: string): Promise<void> {
    const mountpoint = this.store.mountpoint(id);
    if (await this.mounter.look(mountpoint) === 'union') await this.mounter.settle(mountpoint);
  }

  /** The directories of the layers from `id` down to above `parent`, and of those below. */
  private async chain(id: string, parent: string): Promise<{ own: string[]; below: string[] }> {
    const parents = await this.store.parents(id);
    const end = parent === '' ? parents.length : parents.indexOf(parent);
    if (end < 0) throw new DriverError(`the layer ${id} does not have ${parent} below it`);
    const directories = [id, ...parents].map((each) => this.store.diff(each));
    return { own: directories.slice(0, end + 1), below: directories.slice(end + 1) };
  }
}

function storeOf(state: DriverState): LayerStore {
  return new LayerStore(state.home, { uid: toHost(0, state.uidMaps), gid: toHost(0, state.gidMaps) });
}

function refuseLabel(mountLabel: string): void {
  if (mountLabel !== '') throw new DriverError('SELinux labels of mounts are not supported: start dockerd without --selinux-enabled');
}
