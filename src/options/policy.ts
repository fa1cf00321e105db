import type { CreatePolicy, UnionOptions } from '../union/options.js';
import { OptionError } from './error.js';

const defaultSeconds = 30;
const maxSeconds = 3600;

const longNames: Record<string, string> = {
  'top-down-parent': 'tdp',
  'round-robin': 'rr',
  'most-free-space': 'mfs',
  'bottom-up-parent': 'bup',
  'bottom-up': 'bu',
};

/** `create=mfsrr:1000000:30`, aufs(5) Policies for Creating. Seconds are up to 3600, 30 when not given. */
export function parseCreatePolicy(value: string): CreatePolicy {
  const [written, ...numbers] = value.split(':') as [string, ...string[]];
  const name = longNames[written] ?? written;
  switch (name) {
    case 'tdp':
    case 'rr':
      if (numbers.length > 0) break;
      return { name };
    case 'mfs':
    case 'pmfs':
      if (numbers.length > 1) break;
      return { name, seconds: seconds(value, numbers[0]) };
    case 'mfsrr':
    case 'pmfsrr':
    case 'tdmfs':
      if (numbers.length < 1 || numbers.length > 2) break;
      return { name, low: wholeNumber(value, numbers[0]), seconds: seconds(value, numbers[1]) };
    default:
  }
  throw new OptionError(
    `unknown create policy "${value}"; there are tdp, rr, mfs[:SEC], pmfs[:SEC], ` +
    'mfsrr:LOW[:SEC], pmfsrr:LOW[:SEC] and tdmfs:LOW[:SEC]',
  );
}

export function parseCopyupPolicy(value: string): UnionOptions['copyup'] {
  const name = longNames[value] ?? value;
  if (name === 'tdp' || name === 'bup' || name === 'bu') return name;
  throw new OptionError(`unknown copy-up policy "${value}"; there are tdp, bup and bu`);
}

export function formatCreatePolicy(policy: CreatePolicy): string {
  const numbers: number[] = [];
  if ('low' in policy) numbers.push(policy.low);
  if ('seconds' in policy && policy.seconds !== defaultSeconds) numbers.push(policy.seconds);
  return [policy.name, ...numbers].join(':');
}

function seconds(value: string, text: string | undefined): number {
  if (text === undefined) return defaultSeconds;
  const number = wholeNumber(value, text);
  if (number > maxSeconds) throw new OptionError(`create=${value}: at most ${maxSeconds} seconds; leave them out for ${defaultSeconds}`);
  return number;
}

function wholeNumber(value: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new OptionError(`create=${value}: "${text}" is not a whole number; bytes and seconds are written in digits`);
  return Number(text);
}
