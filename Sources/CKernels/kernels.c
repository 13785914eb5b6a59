#include "CKernels.h"
#include <math.h>
void ck_add_f32(const float *a,long as,const float *b,long bs,float *out,long n) {for(long i=0;i<n;i++){float x=a[i*as],y=b[i*bs];out[i]=x+y;}}
void ck_add_f64(const double *a,long as,const double *b,long bs,double *out,long n) {for(long i=0;i<n;i++){double x=a[i*as],y=b[i*bs];out[i]=x+y;}}
void ck_sub_f32(const float *a,long as,const float *b,long bs,float *out,long n) {for(long i=0;i<n;i++){float x=a[i*as],y=b[i*bs];out[i]=x-y;}}
void ck_sub_f64(const double *a,long as,const double *b,long bs,double *out,long n) {for(long i=0;i<n;i++){double x=a[i*as],y=b[i*bs];out[i]=x-y;}}
void ck_mul_f32(const float *a,long as,const float *b,long bs,float *out,long n) {for(long i=0;i<n;i++){float x=a[i*as],y=b[i*bs];out[i]=x*y;}}
void ck_mul_f64(const double *a,long as,const double *b,long bs,double *out,long n) {for(long i=0;i<n;i++){double x=a[i*as],y=b[i*bs];out[i]=x*y;}}
void ck_div_f32(const float *a,long as,const float *b,long bs,float *out,long n) {for(long i=0;i<n;i++){float x=a[i*as],y=b[i*bs];out[i]=x/y;}}
void ck_div_f64(const double *a,long as,const double *b,long bs,double *out,long n) {for(long i=0;i<n;i++){double x=a[i*as],y=b[i*bs];out[i]=x/y;}}
void ck_neg_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=-x;}}
void ck_neg_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=-x;}}
void ck_exp_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=expf(x);}}
void ck_exp_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=exp(x);}}
void ck_log_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=logf(x);}}
void ck_log_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=log(x);}}
void ck_sqrt_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=sqrtf(x);}}
void ck_sqrt_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=sqrt(x);}}
void ck_tanh_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=tanhf(x);}}
void ck_tanh_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=tanh(x);}}
void ck_sigmoid_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=1/(1+expf(-x));}}
void ck_sigmoid_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=1/(1+exp(-x));}}
void ck_relu_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=x>0?x:0*x;}}
void ck_relu_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=x>0?x:0*x;}}
void ck_sin_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=sinf(x);}}
void ck_sin_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=sin(x);}}
void ck_cos_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=cosf(x);}}
void ck_cos_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=cos(x);}}
void ck_square_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=x*x;}}
void ck_square_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=x*x;}}
void ck_abs_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=fabsf(x);}}
void ck_abs_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=fabs(x);}}
void ck_step_gt0_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++){float x=a[i];out[i]=x>0?1:0;}}
void ck_step_gt0_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++){double x=a[i];out[i]=x>0?1:0;}}
void ck_affine_f32(const float *a,float alpha,float beta,float *out,long n) {for(long i=0;i<n;i++)out[i]=alpha*a[i]+beta;}
void ck_affine_f64(const double *a,double alpha,double beta,double *out,long n) {for(long i=0;i<n;i++)out[i]=alpha*a[i]+beta;}
void ck_accumulate_f32(const float *a,float *out,long n) {for(long i=0;i<n;i++)out[i]+=a[i];}
void ck_accumulate_f64(const double *a,double *out,long n) {for(long i=0;i<n;i++)out[i]+=a[i];}
void ck_fill_f32(float v,float *out,long n) {for(long i=0;i<n;i++)out[i]=v;}
void ck_fill_f64(double v,double *out,long n) {for(long i=0;i<n;i++)out[i]=v;}
void ck_tanh_vjp_f32(const float *yy,const float *dy,float *dx,long n) {for(long i=0;i<n;i++){float y=yy[i],g=dy[i];dx[i]=g*(1-y*y);}}
void ck_tanh_vjp_f64(const double *yy,const double *dy,double *dx,long n) {for(long i=0;i<n;i++){double y=yy[i],g=dy[i];dx[i]=g*(1-y*y);}}
void ck_sigmoid_vjp_f32(const float *yy,const float *dy,float *dx,long n) {for(long i=0;i<n;i++){float y=yy[i],g=dy[i];dx[i]=g*y*(1-y);}}
void ck_sigmoid_vjp_f64(const double *yy,const double *dy,double *dx,long n) {for(long i=0;i<n;i++){double y=yy[i],g=dy[i];dx[i]=g*y*(1-y);}}
void ck_relu_vjp_f32(const float *yy,const float *dy,float *dx,long n) {for(long i=0;i<n;i++){float y=yy[i],g=dy[i];dx[i]=y>0?g:0;}}
void ck_relu_vjp_f64(const double *yy,const double *dy,double *dx,long n) {for(long i=0;i<n;i++){double y=yy[i],g=dy[i];dx[i]=y>0?g:0;}}
void ck_select_rows_f32(const unsigned char*m,const float *a,const float *b,float *out,long rows,long cols) {for(long r=0;r<rows;r++)for(long c=0;c<cols;c++)out[r*cols+c]=m[r]?a[r*cols+c]:b[r*cols+c];}
void ck_select_rows_f64(const unsigned char*m,const double *a,const double *b,double *out,long rows,long cols) {for(long r=0;r<rows;r++)for(long c=0;c<cols;c++)out[r*cols+c]=m[r]?a[r*cols+c]:b[r*cols+c];}
void ck_reduce_sum_f32(const float *a,float *out,long outer,long red,long inner) {for(long o=0;o<outer;o++)for(long i=0;i<inner;i++){double s=0;for(long r=0;r<red;r++)s+=a[(o*red+r)*inner+i];out[o*inner+i]=(float)s;}}
void ck_reduce_sum_f64(const double *a,double *out,long outer,long red,long inner) {for(long o=0;o<outer;o++)for(long i=0;i<inner;i++){double s=0;for(long r=0;r<red;r++)s+=a[(o*red+r)*inner+i];out[o*inner+i]=(double)s;}}
void ck_argmax_rows_f32(const float *a,int*out,long rows,long cols) {for(long r=0;r<rows;r++){long b=0;for(long c=1;c<cols;c++)if(a[r*cols+c]>a[r*cols+b])b=c;out[r]=(int)b;}}
void ck_argmax_rows_f64(const double *a,int*out,long rows,long cols) {for(long r=0;r<rows;r++){long b=0;for(long c=1;c<cols;c++)if(a[r*cols+c]>a[r*cols+b])b=c;out[r]=(int)b;}}
void ck_sum_squares_rows_f32(const float *a,double*out,long rows,long cols) {for(long r=0;r<rows;r++){double s=0;for(long c=0;c<cols;c++)s+=(double)a[r*cols+c]*a[r*cols+c];out[r]=s;}}
void ck_sum_squares_rows_f64(const double *a,double*out,long rows,long cols) {for(long r=0;r<rows;r++){double s=0;for(long c=0;c<cols;c++)s+=(double)a[r*cols+c]*a[r*cols+c];out[r]=s;}}
double ck_max_abs_f32(const float *a,long n) {double m=0;for(long i=0;i<n;i++){double v=fabs(a[i]);if(v!=v)return v;if(v>m)m=v;}return m;}
double ck_max_abs_f64(const double *a,long n) {double m=0;for(long i=0;i<n;i++){double v=fabs(a[i]);if(v!=v)return v;if(v>m)m=v;}return m;}
long ck_first_nonfinite_f32(const float *a,long n) {for(long i=0;i<n;i++)if(!isfinite(a[i]))return i;return -1;}
long ck_first_nonfinite_f64(const double *a,long n) {for(long i=0;i<n;i++)if(!isfinite(a[i]))return i;return -1;}
void ck_permute_copy_f32(const float *a,float *out,long rank,const long*shape,const long*st) {long n=1;for(long i=0;i<rank;i++)n*=shape[i];for(long i=0;i<n;i++){long q=i,o=0;for(long d=rank-1;d>=0;d--){o+=q%shape[d]*st[d];q/=shape[d];}out[i]=a[o];}}
void ck_permute_copy_f64(const double *a,double *out,long rank,const long*shape,const long*st) {long n=1;for(long i=0;i<rank;i++)n*=shape[i];for(long i=0;i<n;i++){long q=i,o=0;for(long d=rank-1;d>=0;d--){o+=q%shape[d]*st[d];q/=shape[d];}out[i]=a[o];}}
void ck_add_bias_rows_f32(const float *x,const float *b,float *out,long rows,long cols,int relu) {for(long r=0;r<rows;r++)for(long c=0;c<cols;c++){float v=x[r*cols+c]+b[c];out[r*cols+c]=relu?(v>0?v:0*v):v;}}
void ck_add_bias_rows_f64(const double *x,const double *b,double *out,long rows,long cols,int relu) {for(long r=0;r<rows;r++)for(long c=0;c<cols;c++){double v=x[r*cols+c]+b[c];out[r*cols+c]=relu?(v>0?v:0*v):v;}}
void ck_f32_to_f64(const float*a,double*out,long n){for(long i=0;i<n;i++)out[i]=a[i];}
void ck_f64_to_f32(const double*a,float*out,long n){for(long i=0;i<n;i++)out[i]=(float)a[i];}
void ck_u8_to_f32(const unsigned char*a,float s,float*out,long n){for(long i=0;i<n;i++)out[i]=a[i]*s;}
