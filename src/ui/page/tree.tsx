import { useEffect, useMemo, useRef } from 'preact/hooks';
import { highlight } from './highlight.js';
import type { Model } from './model.js';
import { parentOf, ROOT } from './paths.js';
import { Row, ROW } from './row.js';
import { type Row as RowContents, rowsOf } from './rows.js';
import { useStore } from './store.js';
import { useWindow } from './use-window.js';
import { count } from './words.js';

/** What the union shows: all branches looked at from above. Directories open in place. */
export function Tree({ model }: { model: Model }) {
  useStore(highlight);
  const directories = model.view();
  const rows = useMemo(() => rowsOf(directories, model.open), [model.at, model.history.steps, model.directories, model.open]);
  const at = rows.findIndex(({ key }) => key === model.cursor);
  const { ref, start, end, page, show, onScroll } = useWindow(rows.length, ROW);
  const typed = useRef({ text: '', time: 0 });
  const branches = model.unionShown()?.branches ?? [];
  const root = directories.get(ROOT);
  useEffect(() => {
    const looked = rows.findIndex(({ key }) => model.looks.has(key));
    if (looked >= 0) show(looked);
  }, [model.looks]);

  const moveTo = (index: number): void => {
    const row = rows.at(Math.max(0, Math.min(rows.length - 1, index)));
    if (row === undefined) return;
    model.focus(row.key);
    highlight.set(row.key);
    show(rows.indexOf(row));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const row = rows.at(Math.max(0, at));
    const done = row !== undefined && (act(event.key, row) || typeAhead(event.key));
    if (done) event.preventDefault();
  };
  const act = (key: string, row: RowContents): boolean => {
    switch (key) {
      case 'ArrowDown': moveTo(at + 1); return true;
      case 'ArrowUp': moveTo(Math.max(0, at - 1)); return true;
      case 'PageDown': moveTo(at + page - 1); return true;
      case 'PageUp': moveTo(Math.max(0, at - page + 1)); return true;
      case 'Home': moveTo(0); return true;
      case 'End': moveTo(rows.length - 1); return true;
      case 'ArrowRight':
        if (row.entry.type !== 'directory') return true;
        if (row.isOpen) moveTo(at + 1);
        else void model.toggle(row.key, true);
        return true;
      case 'ArrowLeft':
        if (row.isOpen) void model.toggle(row.key, false);
        else if (parentOf(row.key) !== ROOT) moveTo(rows.findIndex(({ key: each }) => each === parentOf(row.key)));
        return true;
      case 'Enter':
      case ' ':
        model.focus(row.key);
        void model.explain(row.key);
        return true;
      default: return false;
    }
  };
  const typeAhead = (key: string): boolean => {
    if (key.length !== 1 || '[]?'.includes(key)) return false;
    const now = performance.now();
    typed.current = { text: (now - typed.current.time < 700 ? typed.current.text : '') + key.toLowerCase(), time: now };
    const from = typed.current.text.length === 1 ? at + 1 : Math.max(0, at);
    const next = [...rows.slice(from), ...rows.slice(0, from)].find(({ entry }) => entry.name.toLowerCase().startsWith(typed.current.text));
    if (next !== undefined) moveTo(rows.indexOf(next));
    return true;
  };

  return (
    <section class="tree panel" aria-labelledby="tree-title">
      <header class="panel-header">
        <h2 id="tree-title">Merged view</h2>
        <span class="quiet">{root === undefined ? '' : count(root.entries.filter(({ type }) => type !== null).length, 'name')}</span>
      </header>
      {root?.entries.length === 0 && <p class="empty">The union is empty. What is made in it appears here, on the uppermost writable layer.</p>}
      <div id="tree" class="rows" role="tree" tabIndex={0} aria-labelledby="tree-title" ref={ref} onScroll={onScroll} onKeyDown={onKeyDown}
        aria-activedescendant={at >= start && at < end ? `row-${at}` : undefined}
        onFocus={() => { if (at >= 0) highlight.set(rows[at].key); }} onBlur={() => highlight.set(null)}>
        <div class="all-rows" style={{ '--badge-room': `${Math.min(branches.length, 4) * 22 - 3}px`, height: `${rows.length * ROW}px` }}>
          {rows.slice(start, end).map((row, i) => (
            <Row key={row.key} row={row} index={start + i} branches={branches} isCursor={start + i === at}
              isSelected={row.key === model.selected} isLooked={model.isLookedAt(row.key)} error={model.errors.get(row.key)}
              toggle={() => void model.toggle(row.key)}
              choose={() => { model.focus(row.key); void model.explain(row.key); }} />
          ))}
        </div>
      </div>
    </section>
  );
}
