import { defaultUnionOptions, type UnionOptions } from '../union/options.js';
import { formatBranchOption } from './branch.js';
import { formatOwners } from './owners.js';
import { formatCreatePolicy } from './policy.js';
import { defaultMountFlags, nativeFlags, type MountFlags } from './settings.js';
import { escape } from './tokens.js';

/** The options that differ from the defaults, in one fixed order, without the branches: `nosuid,udba=none`. */
export function formatOptions(union: UnionOptions, mount: MountFlags): string {
  return [...mountWords(mount), ...unionWords(union)].join(',');
}

/** The branches as one option, which can be parsed again: `br=/a=rw:/b=ro+wh`. */
export function formatBranches(union: UnionOptions): string {
  return `br=${union.branches.map(formatBranchOption).join(':')}`;
}

function mountWords(mount: MountFlags): string[] {
  const words = [mount.readonly ? 'ro' : 'rw'];
  for (const name of ['nosuid', 'nodev', 'noexec', 'nodiratime', 'sync', 'dirsync'] as const) {
    if (mount[name]) words.push(name);
  }
  if (mount.atime !== defaultMountFlags().atime) words.push(mount.atime);
  if (mount.context !== undefined) words.push(`context="${mount.context}"`);
  if (mount.allowOther) words.push('allow_other');
  for (const name of ['ownNewFiles', 'kernelCache'] as const) if (mount[name]) words.push(nativeFlags[name]);
  for (const name of ['entryTimeout', 'attrTimeout', 'negativeTimeout'] as const) {
    if (mount[name] >= 0) words.push(`${nativeFlags[name]}=${mount[name]}`);
  }
  return words;
}

function unionWords(union: UnionOptions): string[] {
  const usual = defaultUnionOptions();
  const words: string[] = [];
  const flag = (name: string, now: boolean, before: boolean): void => {
    if (now !== before) words.push(now ? name : `no${name}`);
  };
  const value = (name: string, now: string, before: string): void => {
    if (now !== before) words.push(`${name}=${now}`);
  };
  if (union.xino === null) words.push('noxino');
  else if (union.xino !== undefined) words.push(`xino=${escape(union.xino)}`);
  flag('trunc_xib', union.truncXib, usual.truncXib);
  flag('trunc_xino', union.truncXino, usual.truncXino);
  flag('dirperm1', union.dirperm1, usual.dirperm1);
  flag('shwh', union.shwh, usual.shwh);
  flag('plink', union.plink, usual.plink);
  flag('dirren', union.dirren, usual.dirren);
  // With dirren it means nothing.
  if (union.lowerDirsStay && !union.dirren) words.push('redirect_dir=off');
  if (union.overlayMarks) words.push('whiteouts=overlay');
  words.push(...formatOwners(union));
  flag('volatile', union.volatile, usual.volatile);
  flag('dio', union.dio, usual.dio);
  flag('acl', union.acl, usual.acl);
  flag('warn_perm', union.warnPerm, usual.warnPerm);
  flag('verbose', union.verbose, usual.verbose);
  if (union.sum !== 'none') words.push(union.sum);
  value('udba', union.udba, usual.udba);
  value('passthrough', union.passthrough, usual.passthrough);
  value('create', formatCreatePolicy(union.create), formatCreatePolicy(usual.create));
  value('cpup', union.copyup, usual.copyup);
  value('diropq', union.diropq, usual.diropq);
  value('dirwh', String(union.dirwh), String(usual.dirwh));
  return words;
}
