import { type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { invalidRequest } from './problem.js';
import { wrongFields } from './wrong-fields.js';

const WHOLE = { body: 'body', query: 'query', param: 'path', custom: 'body' } as const;

/**
 * Checks parameters against the schemas in their decorators; each wrong field is named. Every field counts: Nest's own pipe takes
 * `__proto__` and `constructor` away before it looks.
 */
class ValidationPipe implements PipeTransform {
  async transform(value: unknown, { type, data, schema }: ArgumentMetadata): Promise<unknown> {
    if (!schema || type === 'custom') return value;
    const result = await schema['~standard'].validate(value);
    if (result.issues) throw invalidRequest(wrongFields(result.issues, data ?? WHOLE[type]));
    return result.value;
  }
}

export const validationPipe = new ValidationPipe();
