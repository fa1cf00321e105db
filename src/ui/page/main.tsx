import { render } from 'preact';
import './page.css';

const root = document.getElementById('page');
if (root !== null) render(<p>tsaufs</p>, root);
