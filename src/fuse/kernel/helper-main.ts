/** A helper thread's main module: does one task after another, until told to end. */
import { workerData } from 'node:worker_threads';
import { eventfdAdd } from '../../posix/event.js';
import { type HelperStart, perform, STATE, TASK, WORD } from './helper-task.js';

const { state, task, control } = workerData as HelperStart;
const args = task.subarray(TASK.ARGS);
const order = () => Atomics.load(state, WORD.ORDER);

// Unless a task is there already: copies go on elsewhere until somebody is ready for them.
if (Atomics.compareExchange(state, WORD.STATE, STATE.STARTING, STATE.IDLE) === STATE.STARTING) eventfdAdd(control);

for (;;) {
  const now = Atomics.load(state, WORD.STATE);
  if (now === STATE.BUSY) {
    task[TASK.RESULT] = perform(task[TASK.NR], args, order);
    Atomics.store(state, WORD.STATE, STATE.DONE);
    Atomics.notify(state, WORD.STATE);
    eventfdAdd(control);
  } else if (Atomics.load(state, WORD.END) !== 0) {
    break;
  } else {
    Atomics.wait(state, WORD.STATE, now);
  }
}
