import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { z } from 'zod';
import { requestId } from './request-id.js';

/** How and from which level on a service logs. */
export interface LogSettings {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `json`: an object a line. `text`: for people. */
  readonly format: 'json' | 'text';
}

/** The environment variables of a service's log. */
export const logVariables = {
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  LOG_FORMAT: z.enum(['json', 'text']).default('json'),
};

/** Settings from the variables. */
export function logSettings(variables: { LOG_LEVEL: LogSettings['level']; LOG_FORMAT: LogSettings['format'] }) {
  return { level: variables.LOG_LEVEL, format: variables.LOG_FORMAT };
}

/** Nest's names of the levels from each level on. */
const LEVELS: Record<LogSettings['level'], LogLevel[]> = {
  error: ['error', 'fatal'],
  warn: ['warn', 'error', 'fatal'],
  info: ['log', 'warn', 'error', 'fatal'],
  debug: ['verbose', 'debug', 'log', 'warn', 'error', 'fatal'],
};
const WORDS: Record<LogLevel, LogSettings['level']> = {
  verbose: 'debug',
  debug: 'debug',
  log: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'error',
};

/** What Nest itself says of modules and routes as it starts: a hundred lines that are the same each time. */
const FRAMEWORK = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'NestMicroservice',
  'RouterExplorer',
  'RoutesResolver',
]);

type JsonOptions = Parameters<ConsoleLogger['getJsonLogObject']>[1];
type LogObject = ReturnType<ConsoleLogger['getJsonLogObject']>;

/**
 * Nest's logger with RFC 3339 times, the levels `debug`, `info`, `warn` and `error`, and the id of the request that is being
 * answered. Errors go to standard error, the rest to standard output.
 */
export class ServiceLogger extends ConsoleLogger {
  constructor({ level, format }: LogSettings, levels: LogLevel[] = LEVELS[level]) {
    super({ json: format === 'json', colors: false, compact: true, logLevels: levels });
  }

  override log(message: unknown, ...more: unknown[]): void {
    if (FRAMEWORK.has(String(more.at(-1)))) super.debug(message, ...more);
    else super.log(message, ...more);
  }

  protected override getJsonLogObject(message: unknown, options: JsonOptions): LogObject {
    const { level, timestamp, pid, ...rest } = super.getJsonLogObject(message, options);
    const id = requestId();
    return {
      timestamp: new Date(timestamp).toISOString(),
      level: WORDS[level],
      pid,
      ...(id !== undefined && { requestId: id }),
      ...rest,
    } as unknown as LogObject;
  }

  protected override formatMessage(
    level: LogLevel,
    message: unknown,
    _pid: string,
    _level: string,
    context: string,
    _difference: string,
  ): string {
    const id = requestId();
    const text = this.stringifyMessage(message, level).replaceAll(/\r?\n/g, '\\n');
    return `${new Date().toISOString()} ${WORDS[level].padEnd(5)} ${context}${text}${id === undefined ? '' : ` (request ${id})`}\n`;
  }
}
