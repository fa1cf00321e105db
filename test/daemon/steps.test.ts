import { expect, test } from 'vitest';
import { decodeSteps, encodeSteps } from '../../src/daemon/steps.js';
import { branchMode } from '../../src/options/branch.js';
import type { RemountStep } from '../../src/options/remount.js';

test('steps come through JSON as they were', () => {
  const steps: RemountStep[] = [
    { kind: 'change', change: { kind: 'add', index: Infinity, branch: { path: '/ü,=:', ...branchMode('ro'), icex: ['sec'] } } },
    { kind: 'change', change: { kind: 'add', index: 0, branch: { path: '/b', ...branchMode('rw') } } },
    { kind: 'change', change: { kind: 'del', path: '/b' } },
    { kind: 'change', change: { kind: 'mod', path: '/b', mode: branchMode('rr') } },
    { kind: 'union', set: { xino: undefined, plink: true } },
    { kind: 'union', set: { xino: null } },
    { kind: 'union', set: { xino: '/default' } },
    { kind: 'mount', set: { readonly: true } },
    { kind: 'action', action: 'trunc_xino', branch: 2 },
  ];
  expect(decodeSteps(JSON.parse(JSON.stringify(encodeSteps(steps))))).toStrictEqual(steps);
});

test.each([[undefined], ['append=/x'], [{}], [[null]], [[{ kind: 'dance' }]], [[{ kind: 'change' }]], [[{ kind: 'union', set: null }]], [[{ kind: 'action', action: 1 }]]])(
  '%j is not taken for steps', (encoded) => {
    expect(() => decodeSteps(encoded)).toThrow('no steps of a remount');
  });
