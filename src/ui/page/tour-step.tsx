import { useEffect, useRef } from 'preact/hooks';
import type { TourStep } from '../protocol.js';

interface Props {
  step: TourStep;
  number: number;
  total: number;
  isBusy: boolean;
}

/** What a step is about, its command, and what that printed. */
export function TourStepText({ step: { title, text, command, output, status }, number, total, isBusy }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  // A new step is read from its title on; the first one is left to where the person is.
  useEffect(() => { if (number > 1) heading.current?.focus({ preventScroll: true }); }, []);
  return (
    <>
      <p class="quiet">Step {number} of {total}</p>
      <h3 tabIndex={-1} ref={heading}>{title}</h3>
      {text.split(/\n\s*\n/).map((paragraph, i) => <p key={i}>{paragraph}</p>)}
      <div class="terminal">
        {command.split('\n').map((line, i) => <code key={i} class="command"><span class="prompt" aria-hidden="true">$ </span>{line}</code>)}
        {isBusy && <code class="quiet">…</code>}
        {output !== null && output !== '' && <code class={`output${status === 0 ? '' : ' failed'}`}>{output.replace(/\n$/, '')}</code>}
        {output === '' && <code class="output quiet">(nothing printed{status === 0 ? '' : `, exit status ${status ?? ''}`})</code>}
      </div>
    </>
  );
}
