import type { Branch } from '../protocol.js';
import { Badge, colourOf } from './badge.js';
import { highlight, lights } from './highlight.js';
import { Icon, typeShape } from './icon.js';
import { printable } from './paths.js';
import type { Row as Contents } from './rows.js';
import { bytesText } from './words.js';

/** Pixels; page.css has the same. */
export const ROW = 30;

interface Props {
  row: Contents;
  index: number;
  branches: readonly Branch[];
  isCursor: boolean;
  isSelected: boolean;
  isLooked: boolean;
  /** Why the directory cannot be read. */
  error: string | undefined;
  toggle: () => void;
  choose: () => void;
}

/** An entry of the merged view, or a name that is hidden. */
export function Row({ row: { key, entry, level, position, siblings, isOpen }, index, branches, isCursor, isSelected, isLooked, error, toggle, choose }: Props) {
  const isDirectory = entry.type === 'directory';
  const seen = entry.seen === null ? undefined : branches.at(entry.seen);
  const classes = ['row', entry.type === null && 'gone', isCursor && 'cursor', isSelected && 'selected', isLooked && 'looked',
    highlight.key === key && 'lit', seen !== undefined && colourOf(seen)];
  return (
    <div id={`row-${index}`} role="treeitem" class={classes.filter(Boolean).join(' ')} data-row={key} style={{ top: `${index * ROW}px`, '--level': level }}
      aria-level={level} aria-posinset={position} aria-setsize={siblings} aria-selected={isSelected}
      aria-expanded={isDirectory ? isOpen : undefined} aria-label={spokenRow(entry, branches)} onClick={choose} {...lights(key)}>
      <span class="twist" onClick={isDirectory ? (event) => { event.stopPropagation(); toggle(); } : undefined}>
        {isDirectory && <Icon shape={isOpen ? 'open' : 'closed'} />}
      </span>
      <Icon shape={typeShape(entry.type)} />
      <span class="name">{printable(entry.name)}</span>
      {entry.target !== undefined && <span class="target">→ {printable(entry.target)}</span>}
      {error !== undefined && isOpen && <span class="trouble">{error}</span>}
      <span class="marks">
        {entry.whiteouts.map((branch) => <Mark key={`w${branch}`} text="whiteout" branch={branches[branch]} />)}
        {entry.type !== null && entry.opaque.map((branch) => <Mark key={`o${branch}`} text="opaque" branch={branches[branch]} />)}
      </span>
      <span class="size">{entry.size === undefined ? '' : bytesText(entry.size)}</span>
      <span class="badges">
        <Badges entry={entry} branches={branches} />
      </span>
    </div>
  );
}

/** So many at most, with the rest as a number. */
const BADGES = 4;

function Badges({ entry: { layers, seen }, branches }: { entry: Contents['entry']; branches: readonly Branch[] }) {
  const kinds = { seen: 'filled', merged: 'tinted', hidden: 'struck' } as const;
  // A hard link is seen where it has no name of its own, if its file was copied up there.
  const isElsewhere = seen !== null && layers.every(({ branch }) => branch !== seen);
  const all = [...isElsewhere ? [{ branch: seen, kind: kinds.seen }] : [], ...layers.map(({ branch, state }) => ({ branch, kind: kinds[state] }))]
    .filter(({ branch }) => branch < branches.length);
  const shown = all.length > BADGES ? all.slice(0, BADGES - 1) : all;
  return (
    <>
      {shown.map(({ branch, kind }) => <Badge key={branch} branch={branches[branch]} kind={kind} />)}
      {all.length > BADGES && <span class="quiet" title={all.map(({ branch }) => branches[branch].label).join(', ')}>+{all.length - shown.length}</span>}
    </>
  );
}

function Mark({ text, branch }: { text: 'whiteout' | 'opaque'; branch: Branch | undefined }) {
  if (branch === undefined) return null;
  return <span class={`mark ${text} ${colourOf(branch)}`} title={`${text} on ${branch.label}`}><Icon shape={text} />{text}<span class="number">{branch.index}</span></span>;
}

function spokenRow(entry: Contents['entry'], branches: readonly Branch[]): string {
  const label = (branch: number): string => branches.at(branch)?.label ?? String(branch);
  const said = [printable(entry.name)];
  if (entry.seen === null) said.push('not seen in the union');
  else said.push(`${entry.type ?? ''} from ${entry.layers.filter(({ state }) => state !== 'hidden').map(({ branch }) => label(branch)).join(' and ')}`);
  for (const { branch, state } of entry.layers) if (state === 'hidden') said.push(`hidden on ${label(branch)}`);
  for (const branch of entry.whiteouts) said.push(`whiteout on ${label(branch)}`);
  for (const branch of entry.opaque) said.push(`opaque on ${label(branch)}`);
  return said.join(', ');
}
