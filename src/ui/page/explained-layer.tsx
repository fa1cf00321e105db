import type { Branch, Explanation } from '../protocol.js';
import { colourOf } from './badge.js';
import { printable } from './paths.js';
import { bytesText, dateText } from './words.js';

type Layer = Explanation['layers'][number];

interface Props {
  layer: Layer;
  /** The one that is explained. */
  path: string;
  branches: readonly Branch[];
}

/** One branch in an explanation. */
export function ExplainedLayer({ layer, path, branches }: Props) {
  const branch = branches[layer.branch];
  const { entry, state } = layer;
  return (
    <li class={`${state} ${colourOf(branch)}`}>
      <span class="badge filled"><span class="number">{branch.index}</span></span>
      <div>
        <p class="line"><span class="label">{branch.label}</span> <code class="quiet">{layer.permission}</code> <span class="state">{stateText(layer, path, branches)}</span></p>
        {entry !== null && (
          <p class="details">
            {entry.type}{entry.type === 'file' && `, ${bytesText(entry.size)}`} · {entry.mode} · {entry.uid}:{entry.gid}
            {entry.links > 1 && entry.type !== 'directory' && ` · ${entry.links} links`} · <time>{dateText(entry.mtime)}</time>
            {entry.target !== undefined && ` → ${printable(entry.target)}`}
          </p>
        )}
      </div>
    </li>
  );
}

function stateText(layer: Layer, path: string, branches: readonly Branch[]): string {
  const said: string[] = [];
  if (layer.state === 'seen') said.push('seen');
  if (layer.state === 'merged') said.push('merged');
  if (layer.hiddenBy !== null) said.push(`hidden by ${hiderText(layer.hiddenBy, layer.branch, path, branches)}`);
  if (layer.whiteout === 'counts') said.push('whiteout: the search ends here');
  if (layer.whiteout === 'ignored') said.push('whiteout that does not count (no +wh)');
  if (layer.opaque === 'counts') said.push('opaque: hides what is below');
  if (layer.opaque === 'ignored') said.push('opaque mark that does not count (no +wh)');
  return said.length === 0 ? 'has no such name' : said.join('; ');
}

function hiderText({ kind, branch, path }: NonNullable<Layer['hiddenBy']>, own: number, explained: string, branches: readonly Branch[]): string {
  const where = branch === own ? 'here' : `on ${branches.at(branch)?.label ?? ''}`;
  switch (kind) {
    case 'whiteout': return `the whiteout${path === explained ? '' : ` of ${path}`} ${where}`;
    case 'opaque': return `the opaque ${path === explained ? 'directory' : path} ${where}`;
    case 'entry': return path === explained ? `the one ${where}` : `${path} ${where}, which is no directory`;
    case 'pseudo-link': return `the changed copy ${where} of its hard link`;
    case 'reserved': return 'its name, which is AUFS’s own';
  }
}
