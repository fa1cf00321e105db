import type { Branch, Explanation } from '../protocol.js';
import { Badge } from './badge.js';
import { bytesText } from './words.js';

type Action = Explanation['actions'][number];
type PlanStep = Action['steps'][number];

const titles: Record<Action['action'], string> = {
  read: 'Open', write: 'Write', attributes: 'chmod, chown', delete: 'Delete', rename: 'Rename', create: 'Create', mkdir: 'Make directory',
};

/** What one kind of change would do, and where. */
export function Plan({ action: { action, error, note, steps }, branches }: { action: Action; branches: readonly Branch[] }) {
  return (
    <div class="plan">
      <dt>{titles[action]}</dt>
      <dd>
        {error !== null && <p class="refused"><strong>{error}</strong> {note}</p>}
        {error !== null && steps.length > 0 && <p class="quiet">after this:</p>}
        {steps.length > 0 && <ol>{steps.map((step, i) => <li key={i}><StepText step={step} branches={branches} /></li>)}</ol>}
        {error === null && note !== null && <p class="quiet">{note}</p>}
      </dd>
    </div>
  );
}

function StepText({ step: { kind, branch, path, from, bytes }, branches }: { step: PlanStep; branches: readonly Branch[] }) {
  const at = (index: number) => index < branches.length && <Badge branch={branches[index]} named />;
  const name = path.slice(path.lastIndexOf('/') + 1);
  switch (kind) {
    case 'copy-up': return <>copy {bytes === undefined ? path : bytesText(bytes)} up from {at(from ?? 0)} to {at(branch)}</>;
    case 'copy-directory': return <>make {path} on {at(branch)} like the one below</>;
    case 'link': return <>hard link {path} on {at(branch)}</>;
    case 'write': return <>write on {at(branch)}</>;
    case 'change': return <>change on {at(branch)}</>;
    case 'create':
    case 'mkdir': return <>make on {at(branch)}</>;
    case 'remove': return <>remove from {at(branch)}</>;
    case 'rename': return <>rename on {at(branch)}</>;
    case 'whiteout': return <>whiteout .wh.{name} on {at(branch)}</>;
    case 'remove-whiteout': return <>remove the whiteout .wh.{name} from {at(branch)}</>;
    case 'opaque': return <>mark opaque on {at(branch)}</>;
    case 'record': return <>record of its lower parts on {at(branch)}</>;
  }
}
