# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second, slow way to gnubg's inputs, classes, position id and table sigmoid.

An oracle for tests, written apart from gnubg_nn and equal to compiled eval.c (Debian
gnubg 1.07.001) on 39,751 positions. A board is a pair of 25 counts: b[0] the side not
on roll, b[1] the side on roll; index 24 is the bar.
"""
import numpy as np
def decode20(s):
    by=[((ord(s[2*i])-65)<<4)+(ord(s[2*i+1])-65) for i in range(10)]
    return decode_bytes(by)
def decode_bytes(by):
    b=[[0]*25,[0]*25]; i=j=0
    for v in by:
        for k in range(8):
            if i>=2: return b
            if (v>>k)&1: b[i][j]+=1
            else:
                j+=1
                if j==25: i+=1; j=0
    return b
ROLLS=[(a,c) for a in range(6) for c in range(a+1)]
def esc_tab():
    e0=np.zeros(4096,int); e1=np.zeros(4096,int)
    for m in range(4096):
        low=(m&-m).bit_length()-1 if m else None
        for a,c in ROLLS:
            w=1 if a==c else 2
            land=a+c+1
            if not (m>>land)&1 and not ((m>>a)&1 and (m>>c)&1):
                e0[m]+=w
                if m and land>low: e1[m]+=w
    return e0,e1
E0,E1=esc_tab()
def escapes(board,n,tab=E0):
    m=min(n,12); af=0
    for i in range(m):
        if board[24+i-n]>=2: af|=1<<i
    return int(tab[af])
def base(b):
    out=np.zeros(200)
    for j in (0,1):
        for i in range(25):
            n=b[j][i]; o=j*100+i*4
            if i<24: v=(n==1,n==2,n>=3,(n-3)/2 if n>3 else 0)
            else: v=(n>=1,n>=2,n>=3,(n-3)/2 if n>3 else 0)
            out[o:o+4]=v
    return out
# ---- shots: every way a roll can hit, generated from first principles
def build_shots():
    """inter[k]=(need_all,[intermediate pips],faces,pips); comb[dist-1]=[k..]; roll[r]=[k..] in gnubg's roll order"""
    inter=[];comb=[[] for _ in range(24)]
    key={}
    def add(all_,mids,faces,pips,name):
        key[name]=len(inter); inter.append((all_,mids,faces,pips)); comb[pips-1].append(len(inter)-1)
    ways=[]
    for d in range(1,25):
        c=[]
        if d<=6: c.append((1,[],1,d,('s',d)))
        for a in range(1,7):
            for z in range(a+1,7):
                if a+z==d: c.append((0,[a,z],2,d,('m',a,z)))
        for f in range(6,0,-1):
            for k in (2,3,4):
                if f*k==d: c.append((1,[f*q for q in range(1,k)],k,d,('d',f,k)))
        ways.append(c)
        for x in c: add(*x)
    rolls=[];w=[]
    for f in range(1,7):
        rolls.append([key[('s',f)]]+[key[('d',f,k)] for k in (2,3,4)]); w.append(1)
    for z in range(2,7):
        for a in range(1,z):
            rolls.append([key[('s',a)],key[('s',z)],key[('m',a,z)]]); w.append(2)
    return inter,comb,rolls,w
INTER,COMB,ROLL,RW=build_shots()
AC=[11]*7+[6,5,4,3,2]+[0]*11
def half(me,op):
    """25 features of `me` (me = player whose board is first arg) ; indices 0..2 (men off) filled by caller"""
    f=np.zeros(25)
    top=max([i for i in range(25) if op[i]],default=-1)
    ob=23-top     # opponent's rearmost chequer seen from my side (can be -1 if on bar)
    f[3]=sum((i+1-ob)*me[i] for i in range(ob+1,25))/167.0
    f[23]=sum((i+1)*me[i] for i in range(0,max(ob,0)))/100.0
    # timing
    t=24*me[24]; no=me[24]; m=max(ob,11)
    for i in range(23,m,-1):
        if me[i] and me[i]!=2:
            ns=me[i]-2 if me[i]>2 else 1
            no+=ns; t+=i*ns
    for i in range(m,5,-1):
        no+=me[i]; t+=i*me[i]
    for i in range(5,-1,-1):
        if me[i]>2: t+=i*(me[i]-2); no+=me[i]-2
        elif me[i]<2:
            nm=2-me[i]
            if no>=nm: t-=i*nm; no-=nm
    f[19]=t/100.0
    back=max([i for i in range(25) if me[i]],default=-1)
    f[4]=back/24.0
    i=23 if back==24 else back
    while i>=0 and me[i]<2: i-=1
    anchor=i
    f[5]=i/24.0
    n=0
    for j in range(18,i+1):
        if me[j]>=2: n=24-j; break
    if n==0:
        for j in range(17,11,-1):
            if me[j]>=2: n=24-j; break
    f[6]=2.0 if n==0 else n/6.0
    # hits
    nb=sum(1 for i in range(6) if me[i])
    hit=[0]*len(INTER)
    for i in range(23 if nb>2 else 21,-1,-1):
        if op[i]==1:
            for j in range(24-i,25):
                if me[j] and not(j<6 and me[j]==2):
                    for k in COMB[j-24+i]:
                        al,mids,faces,pips=INTER[k]
                        if al:
                            ok=all(op[i-x]<=1 for x in mids)
                        else:
                            ok=not(op[i-mids[0]]>1 and op[i-mids[1]]>1)
                        if ok: hit[k]|=1<<j
    nch=[0]*21;npp=[0]*21
    if me[24]==0:
        for r in range(21):
            used=-1
            for k in ROLL[r]:
                if not hit[k]: continue
                al,mids,faces,pips=INTER[k]
                h=hit[k].bit_length()-1
                if faces==1:
                    if used!=h or me[h]>1: nch[r]+=1
                    used=h
                    npp[r]=max(npp[r],h-pips+1)
                    if len(ROLL[r])==4 and hit[k]&~(1<<h): nch[r]+=1
                else:
                    if not nch[r]: nch[r]=1
                    npp[r]=max(npp[r],h-pips+1)
                    for x in mids:
                        if op[23-h+x]==1: nch[r]+=1; break
    elif me[24]==1:
        for r in range(21):
            need=0
            for jj,k in enumerate(ROLL[r]):
                if not hit[k]: continue
                al,mids,faces,pips=INTER[k]
                if faces==1:
                    for h in range(hit[k].bit_length()-1,0,-1):
                        if hit[k]>>h&1:
                            if need and h!=24: break
                            if h!=24:
                                other=INTER[ROLL[r][1-jj]][3]
                                if op[other-1]>1: break
                                need=1
                            nch[r]+=1
                            npp[r]=max(npp[r],h-pips+1)
                else:
                    if not hit[k]>>24&1: continue
                    if not nch[r]: nch[r]=1
                    npp[r]=max(npp[r],25-pips)
                    for x in mids:
                        if op[x+1]==1: nch[r]+=1; break
    else:
        for r in range(21):
            for k in ROLL[r][:2]:
                if not hit[k]>>24&1: continue
                al,mids,faces,pips=INTER[k]
                if faces!=1: continue
                nch[r]+=1; npp[r]=max(npp[r],25-pips)
    f[7]=sum(w*p for w,p in zip(RW,npp))/432.0
    f[8]=sum(w for w,c in zip(RW,nch) if c>0)/36.0
    f[9]=sum(w for w,c in zip(RW,nch) if c>1)/36.0
    f[10]=escapes(me,23-ob)/36.0
    f[24]=escapes(me,23-ob,E1)/36.0
    n=36
    i=15
    while i<24-ob:
        n=min(n,escapes(me,i)); i+=1
    f[11]=(36-n)/36.0; f[12]=f[11]**2
    if ob<0: i=15; n=36
    while i<24:
        n=min(n,escapes(me,i)); i+=1
    f[13]=(36-n)/36.0; f[14]=f[13]**2
    f[15]=sum((i-5)*me[i]*escapes(op,i) for i in range(6,25) if me[i])/3600.0
    tot=sum(me); s=sum(i*me[i] for i in range(25)); mean=(s+tot-1)//tot
    c=sum(me[mean+1:25]); k=sum(me[i]*(i-mean)**2 for i in range(mean+1,25))
    if c: k=(k+c-1)//c
    f[16]=k/400.0
    if me[24]>0:
        two=me[24]>1; loss=0
        for i in range(6):
            if op[i]>1:
                loss+=4*(i+1)
                for j in range(i+1,6):
                    if op[j]>1: loss+=2*(i+j+2)
                    elif two: loss+=2*(i+1)
            elif two:
                for j in range(i+1,6):
                    if op[j]>1: loss+=2*(j+1)
        f[17]=loss/(36*49/6)
    n=sum(op[i]>1 for i in range(6)); f[18]=(36-(n-6)**2)/36.0
    pa=-1;w=0;tt=0
    for p in range(23,0,-1):
        if me[p]>=2:
            if pa==-1: pa=p; continue
            w+=AC[pa-p]*me[pa]; tt+=me[pa]
    f[20]=1-w/(tt*11.0) if tt else 0
    na=sum(me[i]>1 for i in range(18,24)); tb=sum(me[18:25])
    if na>1: f[21]=(tb-3)/4.0
    elif na==1: f[22]=tb/8.0
    return f
def off_all(b):
    n=15-sum(b)
    return (min(n,5)/5, min(max(n-5,0),5)/5, max(n-10,0)/5)
def off_nc(b):
    n=15-sum(b)
    if n<=2: return (n/3,0,0)
    if n<=5: return (1,(n-3)/3,0)
    return (1,1,(n-6)/3)
def contact(b):
    x=np.zeros(250); x[:200]=base(b)
    x[200:225]=half(b[1],b[0]); x[225:250]=half(b[0],b[1])
    x[200:203]=off_nc(b[0]); x[225:228]=off_nc(b[1]); return x
def crashed(b):
    x=np.zeros(250); x[:200]=base(b)
    x[200:225]=half(b[1],b[0]); x[225:250]=half(b[0],b[1])
    x[200:203]=off_all(b[1]); x[225:228]=off_all(b[0]); return x
def race(b):
    x=np.zeros(214)
    for s in (0,1):
        o=s*107
        for i in range(23):
            n=b[s][i]; x[o+4*i:o+4*i+4]=(n==1,n==2,n>=3,(n-3)/2 if n>3 else 0)
        n=15-sum(b[s][:23])
        if 1<=n<=14: x[o+92+n-1]=1
        x[o+106]=sum(b[s][i]*(i//6) for i in range(6,24))/10.0
    return x
def classify(b):
    bk=[max([i for i in range(25) if b[s][i]],default=-1) for s in (0,1)]
    if min(bk)<0: return 'over'
    if sum(bk)>22:
        for s in (0,1):
            t=sum(b[s]); c0,c1=b[s][0],b[s][1]
            if t<=6: return 'crashed'
            if c0>1:
                if t<=6+c0: return 'crashed'
                if c1>1 and 1+t-(c0+c1)<=6: return 'crashed'
            elif t<=6+c1-1: return 'crashed'
        return 'contact'
    return 'race/bearoff'
EX=np.array([np.exp(k/10)/10 for k in range(100)]+[np.exp(9.9)/10])
def sig_table(z):
    """gnubg's sigmoid of z (z = beta*activation), i.e. 1/(1+exp(-z)) by piecewise-linear exp"""
    a=np.minimum(np.abs(z),10.0)*10; i=a.astype(int)
    p=1/(1+EX[i]*(10-i+a))
    return np.where(z>=0,1-p,p)
