// Runs the script of a page over the few parts of a document that it uses, and prints what the page shows; node run_page.js PAGE
const fs=require('fs');
const html=fs.readFileSync(process.argv[2],'utf8');
const json=html.match(/id="data">([\s\S]*?)<\/script>/)[1];
const script=html.match(/<script>([\s\S]*?)<\/script>/)[1];
class El{constructor(t){this.tag=t;this.children=[];this.value='';this.handlers={};this.attrs={};this.style={};}
 append(...c){this.children.push(...c);} replaceChildren(...c){this.children=c;}
 addEventListener(n,f){this.handlers[n]=f;} setAttribute(n,v){this.attrs[n]=v;}}
const ids={};
for(const n of ['files','filters','histograms','count','classes','clips','more']) ids[n]=new El(n);
ids.data=new El('d'); ids.data.textContent=json;
global.document={getElementById:(n)=>{ if(ids[n])return ids[n]; const find=(e)=>{ if(!(e instanceof El))return null; if(e.id===n)return e; for(const c of e.children){const r=find(c); if(r)return r;} return null;}; return find(ids.filters);},createElement:(t)=>new El(t),createElementNS:(n,t)=>new El(t)};
global.Option=class extends El{constructor(t,v){super('option');this.text=t;this.value=v;}};
eval(script);
const shown = () => [ids.count.textContent, ids.clips.children.length];
const result = { all: shown(), bars: ids.histograms.children.map((child) => child.children.length), options: {}, chosen: {}, table: ids.classes.children[0].children.map((row) => row.children.map((cell) => cell.textContent)) };
for (const name of ['class', 'person', 'split', 'finding']) {
  const list = document.getElementById(name);
  result.options[name] = list.children.map((option) => option.text);
  for (const option of list.children) {
    list.value = option.value;
    list.handlers.change();
    result.chosen[name + option.value] = shown()[0];
  }
  list.value = '';
  list.handlers.change();
}
console.log(JSON.stringify(result));
