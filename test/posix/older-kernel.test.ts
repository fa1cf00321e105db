import { vi } from 'vitest';
import type * as syscall from '../../src/posix/syscall.js';
import { describeAttributes } from './attributes-suite.js';
import { describeXattr } from './xattr-suite.js';

// Numbers no kernel has: the calls answer ENOSYS, as before the Linux version that brought them.
vi.mock('../../src/posix/syscall.js', async (original) => {
  const module = await original<typeof syscall>();
  const missing = 100_000;
  return {
    ...module,
    NR: {
      ...module.NR,
      fchmodat2: missing,
      getxattrat: missing,
      setxattrat: missing,
      listxattrat: missing,
      removexattrat: missing,
    },
  };
});

describeAttributes('without fchmodat2 (before Linux 6.6)');
describeXattr('without getxattrat and its kin (before Linux 6.13)');
