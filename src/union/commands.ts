// What the daemon asks of a union beside file operations. The arguments and answers are plain data: they come from another
// thread or process.

import { type BranchOpener, UnionError } from './branch.js';
import { type BranchChange, changeBranches, settle } from './branch-changes.js';
import { branchUsers } from './branch-users.js';
import { type MoveDownRequest, MoveDowns } from './mvdown.js';
import { changeOptions } from './option-changes.js';
import type { UnionOptions } from './options.js';
import { copyUpNames, describePseudoLinks, flushPseudoLinks } from './pseudo-link-flush.js';
import type { UnionState } from './state.js';
import { type DropRequest, dropUpper, goOn, holdStill } from './sync-upper.js';

export interface ShownBranch {
  id: number;
  path: string;
  /** As in `br=`: `/path=ro+wh`. */
  text: string;
}

export class Commands {
  /** The unmount leaves pseudo-links as they are (umount -i). */
  private keepsPlinks = false;
  private readonly moveDowns: MoveDowns;

  /** `optionsChanged` is called before the kernel is told what to look up again. */
  constructor(private readonly u: UnionState, private readonly opener: BranchOpener, private readonly optionsChanged: () => void) {
    this.moveDowns = new MoveDowns(u);
  }

  /** Throws UnionError and Errno. `change`: see RemountStep in options/remount.ts. */
  call(name: string, argument: unknown): unknown {
    const { u } = this;
    switch (name) {
      case 'change':
        changeBranches(u, this.opener, argument as BranchChange);
        return this.branches();
      case 'set':
        return this.set(argument as Partial<UnionOptions>);
      case 'keep-plinks':
        this.keepsPlinks = true;
        return null;
      case 'flush-plinks':
        flushPseudoLinks(u);
        return null;
      case 'list-plinks':
        return [...u.plinks.entries()].map(([ino, { branch, name }]) => `${String(ino)} ${branch.path} ${name}`);
      case 'describe-plinks':
        return describePseudoLinks(u);
      case 'cpup-plinks':
        copyUpNames(u);
        return null;
      case 'mvdown':
        return this.moveDowns.call(argument as MoveDownRequest);
      case 'hold-still':
        return holdStill(u);
      case 'go-on':
        goOn(u);
        return null;
      case 'drop-upper':
        return dropUpper(u, argument as DropRequest);
      case 'branch-users':
        return branchUsers(u, argument as Parameters<typeof branchUsers>[1]);
      case 'counts':
        return {
          inodes: u.nodes.size,
          openFiles: [...u.files.all()].length,
          openDirectories: [...u.directories.all()].length,
          ...u.watch?.stats(),
        };
      default:
        throw new UnionError(`unknown command ${name}`);
    }
  }

  branches(): ShownBranch[] {
    return this.u.branches.map((branch) => ({ id: branch.id, path: branch.path, text: branch.text() }));
  }

  private set(changes: Partial<UnionOptions>): null {
    const lookAgain = changeOptions(this.u, changes);
    this.optionsChanged();
    if (lookAgain) settle(this.u);
    return null;
  }

  /** After the unmount. */
  close(): void {
    this.moveDowns.close();
  }

  /** At the end nobody can be told: what cannot be flushed stays for the next mount or for `tsaufs check`. */
  flushPlinks(): void {
    const { u } = this;
    if (u.plinks.size === 0) return;
    if (this.keepsPlinks) {
      for (const branch of u.branches) u.plinks.ended(branch);
      return;
    }
    try {
      flushPseudoLinks(u);
    } catch (error) {
      u.hooks.log('warn', `pseudo-links could not be flushed: ${(error as Error).message}`);
    }
  }
}
