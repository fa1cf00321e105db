import type { Branch, Directory } from '../protocol.js';
import { colourOf } from './badge.js';
import { Chip } from './chip.js';
import { Icon } from './icon.js';
import type { Model } from './model.js';
import { shownKey } from './paths.js';
import { chipsOf, cut } from './slabs.js';
import { count } from './words.js';

interface Props {
  model: Model;
  branch: Branch;
  directory: Directory | undefined;
  /** Chips at most. */
  most: number;
}

/** A branch, with what it has in the directory that is looked at. */
export function Slab({ model, branch, directory, most }: Props) {
  const chips = directory === undefined ? [] : chipsOf(directory, model.directory).get(branch.index) ?? [];
  const about = [...model.looks].find((key) => chips.some((chip) => chip.key === key)) ?? model.selected ?? model.cursor;
  const shown = cut(chips, most, about);
  const stop = shown.chips.find(({ key }) => key === model.cursor) ?? shown.chips.at(0);
  const isOpaque = directory?.opaque.includes(branch.index) === true;
  const isMissing = directory !== undefined && !directory.merged.includes(branch.index) && chips.length === 0;
  return (
    <li class={`slab ${branch.writable ? 'writable' : 'readonly'} ${colourOf(branch)}`} data-slab={branch.index}>
      <header>
        <span class="badge filled"><span class="number">{branch.index}</span></span>
        <span class="label" title={branch.directory}>{branch.label}</span>
        <span class="permission" title={permissionText(branch)}>
          <Icon shape={branch.writable ? 'pen' : 'lock'} />{branch.writable ? 'writable' : 'read-only'} <code>{branch.permission}</code>
        </span>
      </header>
      {isMissing && <p class="none">no {shownKey(model.directory)} here that counts</p>}
      {directory !== undefined && !isMissing && chips.length === 0 && <p class="none">empty</p>}
      {chips.length > 0 && (
        <div class="chips" role="group" aria-label={`on ${branch.label}`}>
          {shown.before > 0 && <span class="more">{count(shown.before, 'name')} before</span>}
          {shown.chips.map((chip) => (
            <Chip key={`${chip.state}${chip.key}`} branch={branch} chip={chip} isStop={chip === stop}
              isLooked={model.isLookedAt(chip.key)} isSelected={model.selected === chip.key}
              choose={() => void model.explain(chip.key)} />
          ))}
          {shown.after > 0 && <span class="more">{count(shown.after, 'name')} more</span>}
        </div>
      )}
      {isOpaque && <p class="opaque-bar"><Icon shape="opaque" />opaque: nothing below shows through here</p>}
    </li>
  );
}

function permissionText({ writable, marksCount, permission }: Branch): string {
  if (writable) return `${permission}: takes changes`;
  return `${permission}: is never changed; whiteouts on it ${marksCount ? 'count' : 'do not count'}`;
}
