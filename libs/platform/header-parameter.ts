import { ApiHeader } from '@nestjs/swagger';
import { AnswersHeader, CanAnswer, type DocumentedProblem, type HeaderSettings } from './operation.js';

/** What the document says of a header that a parameter's decorator reads. */
export interface HeaderParameter {
  readonly name: string;
  readonly description: string;
  /** What a request is refused with because of it. */
  readonly problems: readonly DocumentedProblem[];
  /** What answers have because of it. */
  readonly answered?: readonly HeaderSettings[];
}

/** Documents a header that a parameter's decorator reads, so that each route with the parameter shows it. */
export function headerParameter({ name, description, problems, answered = [] }: HeaderParameter): ParameterDecorator {
  return (target, key) => {
    const descriptor = key === undefined ? undefined : Object.getOwnPropertyDescriptor(target, key);
    if (key === undefined || !descriptor) return;
    ApiHeader({ name, description, required: false, schema: { type: 'string' } })(target, key, descriptor);
    CanAnswer(...problems)(target, key, descriptor);
    for (const header of answered) AnswersHeader(header)(target, key, descriptor);
  };
}
