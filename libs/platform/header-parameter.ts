import { ApiHeader } from '@nestjs/swagger';

/** Documents a header that a parameter's decorator reads, so that each route with the parameter shows it. */
export function headerParameter(header: { readonly name: string; readonly description: string }): ParameterDecorator {
  return (target, key) => {
    const descriptor = key === undefined ? undefined : Object.getOwnPropertyDescriptor(target, key);
    if (key === undefined || !descriptor) return;
    ApiHeader({ ...header, required: false, schema: { type: 'string' } })(target, key, descriptor);
  };
}
