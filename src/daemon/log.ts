import { pino, type Logger } from 'pino';

/** How much a line of the log matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes one line of the log. */
export type Log = (level: LogLevel, message: string, fields?: object) => void;

/** A log that can be made to tell more, or less. */
export interface OpenLog {
  log: Log;
  setVerbose: (on: boolean) => void;
}

/** A log in JSON lines, to an open file. Written at once: the last line before a crash is the one needed. */
export function fileLog(fd: number, verbose: boolean): OpenLog {
  return pinoLog(pino(options(verbose), pino.destination({ dest: fd, sync: true })));
}

/** A log for a person who watches a mount in the foreground: `tsaufs: message key=value`. */
export function stderrLog(verbose: boolean): OpenLog {
  return pinoLog(pino(options(verbose), { write: (line) => process.stderr.write(plainLine(line)) }));
}

function options(verbose: boolean): object {
  return { level: levelFor(verbose), base: null, timestamp: pino.stdTimeFunctions.isoTime };
}

function pinoLog(logger: Logger): OpenLog {
  return {
    log: (level, message, fields) => logger[level](fields ?? {}, message),
    setVerbose: (on) => {
      logger.level = levelFor(on);
    },
  };
}

function levelFor(verbose: boolean): LogLevel {
  return verbose ? 'debug' : 'info';
}

function plainLine(line: string): string {
  const { level, time: _time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const kind = Number(level) >= 50 ? 'error: ' : Number(level) >= 40 ? 'warning: ' : '';
  const words = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return `tsaufs: ${kind}${[String(msg), ...words].join(' ')}\n`;
}
