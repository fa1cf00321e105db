import type { Workload } from '../workload.js';
import { changes } from './changes.js';
import { data } from './data.js';
import { depth } from './depth.js';
import { names } from './names.js';
import { programs } from './programs.js';
import { trees } from './trees.js';

/** In the order of the tables. */
export const workloads: readonly Workload[] = [...trees, ...names, ...changes, ...data, ...programs, ...depth];
