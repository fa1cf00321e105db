import type { Model } from './model.js';
import { useStore } from './store.js';

/** Whatever keeps the page from showing how things are now. */
export function Notice({ model }: { model: Model }) {
  useStore(model);
  const text = noticeOf(model);
  return text === null ? null : <p class={`notice ${model.connection}`} role="alert">{text}</p>;
}

function noticeOf({ connection, failure, union }: Model): string | null {
  const where = union?.mountpoint ?? 'The union';
  switch (connection) {
    case 'ended': return failure === null ?
      `${where} was unmounted. What you see is how it was in the end.` : `The file system of ${where} has failed: ${failure}`;
    case 'quit': return 'tsaufs ui was ended. What you see is how it was then; to go on run it again, and open the address that it prints.';
    case 'lost': return 'The connection to tsaufs is lost; the page goes on as soon as it is there again. If tsaufs ui was killed, run it again, and open the address that it prints.';
    case 'refused': return `This page is no longer connected${failure === null ? '' : `: ${failure}`}. Run tsaufs ui again, and open the address that it prints.`;
    case 'connecting':
    case 'live': return null;
  }
}
