import { describeXattr } from './xattr-suite.js';

describeXattr('this kernel');
