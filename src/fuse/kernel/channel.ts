import { availableParallelism } from 'node:os';
import { E } from '../../posix/errno.js';
import { POLL, poll } from '../../posix/event.js';
import { read, write } from '../../posix/file.js';
import { allocate, type Block } from '../../posix/memory.js';
import { MIN_READ_BUFFER, OUT_HEADER_SIZE } from './wire.js';

/** Room in the request block beside the data of a WRITE: what the kernel asks for is far less than this. */
const REQUEST_HEADROOM = 4096;

/** Milliseconds that events of our own writes may wait; those of others among them do, too. */
const REST = 5;

/** What `receive` returns when there is no request. */
export const ENDED = 0;
export const TICKED = -1;
export const NOTHING = -2;

/**
 * Most empty reads after a reply before the channel sleeps: some 0.35 µs each, 50 µs in all. The wake-up they
 * save costs the caller 20 to 40 µs. With one processor they would keep the caller itself from running.
 */
const SPINS_MOST = availableParallelism() > 1 ? 150 : 0;
/** A request that comes within this many milliseconds of the last reply makes waiting for the next worth while. */
const SOON = 0.15;
/** Looking in vain time after time, it sleeps at once for 1, 3, 7… requests, and for so many at most. */
const PAUSE_MOST = 31;

/**
 * The device end of a mount: requests come out of /dev/fuse into one block, replies leave from another. The
 * descriptor does not block, so that the channel may look again and again for a while before it sleeps.
 */
export class Channel {
  readonly requestBlock: Block;
  readonly replyBlock: Block;
  /** How often it slept, and how often a request came while it looked. */
  sleeps = 0;
  catches = 0;

  /** How many empty reads to make before sleeping; grows when that has paid, shrinks when not. */
  private spins = 0;
  /**
   * After looking in vain: how many sleeps there are to be at once, and how many of them are left. What is waited for may
   * be kept from running by the looking itself, on a machine whose other processors are busy, be it with V8's compiler.
   */
  private pause = 0;
  private pauseLeft = 0;
  private changesFd = -1;
  /** A moment of performance.now(). Not 0: at the first fraction V8 would throw away what it has compiled of the loop. */
  private restUntil = -0.5;
  /** Watched in its sleep: device, control, changes of branches (-1: none). */
  private readonly awaited: { fd: number; events: number; revents?: number }[];

  /**
   * `fd` is /dev/fuse of a mount, O_NONBLOCK, owned by the caller; `control` an eventfd that interrupts the
   * sleep; `maxWrite` the largest WRITE or READ in bytes.
   */
  constructor(
    private readonly fd: number,
    control: number,
    maxWrite: number,
  ) {
    this.awaited = [fd, control, -1].map((each) => ({ fd: each, events: POLL.IN }));
    this.requestBlock = allocate(Math.max(MIN_READ_BUFFER, maxWrite + REQUEST_HEADROOM));
    // A page before it is for the header: the data of a READ then begin 16 bytes into the block.
    this.replyBlock = allocate(maxWrite + 4096);
  }

  /** The descriptor of changes is left alone for a little while: what it has to say has time. */
  rest(): void {
    this.restUntil = performance.now() + REST;
  }

  /** A further descriptor that interrupts the sleep; -1 for none. */
  set changes(fd: number) {
    this.changesFd = fd;
  }

  /**
   * The next request, in the request block: its length. ENDED when the file system has been unmounted; TICKED
   * when the control descriptor, or the one of changes, has something to read. Throws for an error of the device itself.
   * `busy`: there is other work, so NOTHING at once when there is no request.
   */
  receive(busy = false): number {
    let spins = this.spins;
    for (;;) {
      const length = read(this.fd, this.requestBlock.address, this.requestBlock.length);
      if (length > 0) {
        if (spins !== this.spins) this.caught();
        return length;
      }
      if (length === -E.ENODEV) return ENDED;
      // ENOENT: the request was taken back between being announced and being read.
      // ENOMEM: the kernel has answered that one itself.
      if (length === -E.EINTR || length === -E.ENOENT || length === -E.ENOMEM) continue;
      if (length !== -E.EAGAIN) throw new DeviceError('reading a request', length);
      if (busy) return NOTHING;

      if (spins > 0) {
        spins -= 1;
        continue;
      }
      if (this.sleep()) return TICKED;
      spins = this.spins;
    }
  }

  private caught(): void {
    this.catches += 1;
    this.pause = 0;
    this.spins = SPINS_MOST;
  }

  /** Sleeps until there is something to read; true when it is not a request. */
  private sleep(): boolean {
    this.sleeps += 1;
    const start = performance.now();
    const rest = this.restUntil - start;
    this.awaited[2].fd = rest > 0 ? -1 : this.changesFd;
    const ready = poll(this.awaited, rest > 0 ? Math.ceil(rest) : -1);
    if (ready < 0 && ready !== -E.EINTR && ready !== -E.ENOMEM) throw new DeviceError('waiting for a request', ready);
    this.spins = this.spinsAfter(performance.now() - start);
    return ready > 0 && (this.awaited[1].revents !== 0 || this.awaited[2].revents !== 0);
  }

  /** How often to look before the next sleep, after one of so many milliseconds. */
  private spinsAfter(slept: number): number {
    if (this.spins > 0) this.pauseLeft = this.pause = Math.min(2 * this.pause + 1, PAUSE_MOST);
    if (this.pauseLeft > 0) {
      this.pauseLeft -= 1;
      return 0;
    }
    // An idle mount comes here once; a request now and then halves the spins each time, down to none.
    return slept < SOON ? SPINS_MOST : this.spins >> 1;
  }

  /**
   * Sends the reply that lies in the reply block. False when nobody waits for it any more: the request was
   * interrupted or the mount is gone, and what the reply handed out must be taken back.
   */
  send(length: number): boolean {
    for (;;) {
      const sent = write(this.fd, this.replyBlock.address, length);
      if (sent === length) return true;
      if (sent === -E.EINTR) continue;
      if (sent === -E.ENOENT || sent === -E.ENODEV) return false;
      if (sent === -E.EINVAL || sent === -E.ENOMEM || sent === -E.E2BIG || sent === -E.EFAULT) {
        // The kernel takes no such reply. Its caller must not wait for ever: an error is always accepted.
        this.fail();
        return false;
      }
      throw new DeviceError('sending a reply', sent);
    }
  }

  /** Answers EIO instead of the reply in the block. */
  private fail(): void {
    const words = this.replyBlock.u32;
    words[0] = OUT_HEADER_SIZE;
    words[1] = -E.EIO;
    write(this.fd, this.replyBlock.address, OUT_HEADER_SIZE);
  }
}

/** /dev/fuse itself failed: the mount cannot be served any longer. */
export class DeviceError extends Error {
  constructor(what: string, result: number) {
    super(`/dev/fuse: ${what} failed with error ${-result}`);
  }
}
