import { expect, test } from 'vitest';
import { LateLog } from '../../src/daemon/late-log.js';

test('what is said before the log is open comes first, in order', () => {
  const said: string[] = [];
  const late = new LateLog();
  late.log('warn', 'first');
  late.setVerbose(true);
  late.log('info', 'second', { field: 1 });
  expect(said).toEqual([]);
  late.open({
    log: (level, message, fields) => said.push(`${level} ${message} ${JSON.stringify(fields)}`),
    setVerbose: (on) => said.push(`verbose ${on}`),
  });
  late.log('error', 'third');
  expect(said).toEqual(['warn first undefined', 'verbose true', 'info second {"field":1}', 'error third undefined']);
});
