/** Operations on the mount as a whole, and the answers to those it has not. */
import { E } from '../../posix/errno.js';
import { negotiate } from './init.js';
import { NO_REPLY, type Operation } from './serving.js';
import { INIT_OUT_SIZE, InitFlag, InitIn, InitOut, InterruptIn, PROTOCOL } from './wire.js';

export const init: Operation = (serving) => {
  const { request, reply } = serving;
  const major = request.u32At(InitIn.major);
  reply.clear(0, INIT_OUT_SIZE);
  reply.setU32(InitOut.major, PROTOCOL.MAJOR);
  reply.setU32(InitOut.minor, PROTOCOL.MINOR);
  // A newer major is told ours and asks again in it.
  if (major > PROTOCOL.MAJOR) return INIT_OUT_SIZE;

  const remaining = request.remaining(0);
  const flags = remaining >= 16 ? request.u32At(InitIn.flags) : 0;
  const extended = (flags & InitFlag.INIT_EXT) !== 0 && remaining >= InitIn.flags2 + 4;
  const agreed = negotiate(
    {
      major,
      minor: request.u32At(InitIn.minor),
      maxReadahead: remaining >= 12 ? request.u32At(InitIn.maxReadahead) : 0,
      flags: extended ? flags : flags & ~InitFlag.INIT_EXT,
      flags2: extended ? request.u32At(InitIn.flags2) : 0,
    },
    serving.wishes,
  );
  if (typeof agreed === 'string') {
    serving.refusal = agreed;
    return -E.EPROTO;
  }

  reply.setU32(InitOut.minor, agreed.minor);
  reply.setU32(InitOut.maxReadahead, agreed.maxReadahead);
  reply.setU32(InitOut.flags, agreed.flags);
  reply.setU16(InitOut.maxBackground, agreed.maxBackground);
  reply.setU16(InitOut.congestionThreshold, agreed.congestionThreshold);
  reply.setU32(InitOut.maxWrite, agreed.maxWrite);
  reply.setU32(InitOut.timeGran, agreed.timeGran);
  reply.setU16(InitOut.maxPages, agreed.maxPages);
  reply.setU32(InitOut.flags2, agreed.flags2);
  reply.setU32(InitOut.maxStackDepth, agreed.maxStackDepth);
  serving.agree(agreed);
  return INIT_OUT_SIZE;
};

/** Sent on unmounting by some kernels; the read that fails with ENODEV afterwards ends the loop. */
export const destroy: Operation = () => 0;

/** Only a suspended request can still be there: others are answered before the next is read. */
export const interrupt: Operation = (serving) => {
  const { request } = serving;
  serving.onInterrupt?.(request.u32At(InterruptIn.unique), request.u32At(InterruptIn.unique + 4));
  return NO_REPLY;
};

/** Answers to notifications that asked for one; none of ours does. */
export const notifyReply: Operation = () => NO_REPLY;

export const statfs: Operation = (serving) => {
  serving.union.statfs(serving.statfs);
  return serving.reply.statfs(serving.statfs);
};

export const syncfs: Operation = (serving) => {
  serving.union.syncfs();
  return 0;
};

export const ioctl: Operation = () => -E.ENOTTY;

/** The kernel does without from then on: poll(2) says ready, bmap is refused. */
export const unsupported: Operation = () => -E.ENOSYS;
