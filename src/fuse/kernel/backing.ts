// Passthrough: the kernel reads and writes an open file on its branch itself, and asks this process no more.

import { E } from '../../posix/errno.js';
import { ioctl } from '../../posix/file.js';
import { allocate } from '../../posix/memory.js';
import type { UnionFileHandle } from './union-ops.js';
import { DeviceIoctl } from './wire.js';

/** How a node is open: a file is cached by the kernel or passed through at one time, never both. */
interface Use {
  /** What the kernel calls the backing file; 0 while nobody is passed through. */
  id: number;
  /** Handles that use it, and those that are served from here. */
  passed: number;
  served: number;
}

/**
 * The backing files of a mount (Documentation/filesystems/fuse/fuse-passthrough.rst). What must hold: all handles of a
 * node that are open at one time are passed through to one backing file, or none is; the kernel fails an open with EIO
 * that breaks this.
 */
export class Backings {
  /** By the kernel's number of the node: after a copy-up those that are passed through may be another node's. */
  private readonly uses = new Map<number, Use>();
  /** struct fuse_backing_map, and for the end of one its id alone. */
  private readonly map = allocate(16);
  /** The kernel has refused for a reason that will not go away. */
  private refused = false;

  /** `device` is the mount's /dev/fuse. */
  constructor(private readonly device: number) {}

  /** The backing id for a handle about to be handed out, or 0: it is to be served. */
  open(handle: UnionFileHandle): number {
    const { id } = handle.node;
    let use = this.uses.get(id);
    if (use === undefined) this.uses.set(id, (use = { id: 0, passed: 0, served: 0 }));
    if (use.id === 0 && use.served === 0 && handle.passable && !this.refused) use.id = this.register(handle.fd);
    // Where others are passed through this one has to be, too; see `Serving.opened` for one that may not.
    handle.passed = use.id > 0;
    if (handle.passed) use.passed += 1;
    else use.served += 1;
    return use.id;
  }

  /** The handle is released. */
  release(handle: UnionFileHandle): void {
    const { id } = handle.node;
    const use = this.uses.get(id);
    if (use === undefined) return;
    if (handle.passed) use.passed -= 1;
    else use.served -= 1;
    if (use.passed === 0 && use.id > 0) {
      this.unregister(use.id);
      use.id = 0;
    }
    if (use.passed === 0 && use.served === 0) this.uses.delete(id);
  }

  private register(fd: number): number {
    const { u32, address } = this.map;
    u32[0] = fd;
    u32[1] = u32[2] = u32[3] = 0;
    const id = ioctl(this.device, DeviceIoctl.BACKING_OPEN, address);
    if (id > 0) return id;
    // ELOOP: a branch that is itself stacked; other branches may do. The rest is about this process or kernel.
    if (id === -E.EPERM || id === -E.EOPNOTSUPP || id === -E.ENOTTY) this.refused = true;
    return 0;
  }

  private unregister(id: number): void {
    this.map.u32[0] = id;
    ioctl(this.device, DeviceIoctl.BACKING_CLOSE, this.map.address);
  }
}
