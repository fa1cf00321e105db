import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.js';

const keys: [string, [string, string][]][] = [
  ['Merged view', [
    ['↑ ↓', 'one name up, down'], ['→ ←', 'open, close a directory'], ['Home End', 'first, last name'], ['Page ↑ ↓', 'a screenful'],
    ['letters', 'the next name that begins so'], ['Enter', 'explain'],
  ]],
  ['Layers', [['← →', 'along the names of a layer'], ['↑ ↓', 'the same name on the next layer'], ['Enter', 'explain']]],
  ['Timeline', [['[ ]', 'previous, next event; from anywhere'], ['Space', 'play, pause'], ['Home End', 'first, last event'], ['Esc', 'back to now']]],
  ['Anywhere', [['Tab', 'the next part of the page'], ['Esc', 'close the explanation'], ['?', 'these keys']]],
];

/** What can be done with the keyboard; `?` opens it. */
export function Keys({ isOpen, close }: { isOpen: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog class="keys" ref={dialog} onClose={close} aria-labelledby="keys-title" onClick={(event) => { if (event.target === dialog.current) close(); }}>
      <header>
        <h2 id="keys-title">Keys</h2>
        <button type="button" class="plain" aria-label="Close" onClick={close}><Icon shape="close" /></button>
      </header>
      <div class="keys-body">
        {keys.map(([title, list]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>{list.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}
