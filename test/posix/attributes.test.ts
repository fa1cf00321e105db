import { describeAttributes } from './attributes-suite.js';

describeAttributes('this kernel');
